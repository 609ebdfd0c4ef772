"""A Service whose rankings are made up and whose store is real, and a server around it on a free port of 127.0.0.1."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc

from feedrank.errors import NotFound, UnknownItem
from feedrank.pipeline.feed import Contribution, Explanation, Feed, FeedItem, RankCall, SimilarItem, StageTrace
from feedrank.pipeline.stages import RequestFilter
from feedrank.server.lifecycle import FeedServer
from feedrank.serving.api import Activation, ModelSummary, Status
from feedrank.store import LogStore
from feedrank.types import SECOND, Context


def made_up_feed(call: RankCall) -> Feed:
    """`limit` items named by their place; explained when asked; one further page after the first."""
    explanation = Explanation(
        (Contribution("ctr_6h", 0.25, 0.5), Contribution("rule:breaking", 1.0, 2.0)), -0.125, ("hot",)
    )
    items = tuple(
        FeedItem(
            item_id=f"item-{place}{call.page_token}",
            score=1.0 / place,
            position=place,
            sources=("fresh", "trending"),
            story_id=f"story-{place}",
            propensity=0.5,
            click_probability=0.25 if place == 1 else None,
            explanation=explanation if call.explain and place == 1 else None,
        )
        for place in range(1, call.limit + 1)
    )
    token = "" if call.page_token else "-page2"
    return Feed(items, call.request_id or "made-by-the-server", "prior", {"exp": "b"}, True, ("no encoder",), token)


@dataclass
class FakeService:
    """Answers at once, or as `on_rank` says."""

    store: LogStore
    on_rank: Callable[[RankCall], Feed] = made_up_feed
    is_ready: bool = True
    closed_with: float | None = None
    calls: list[RankCall] = field(default_factory=list)
    similar_calls: list[tuple[str, int, RequestFilter, Context]] = field(default_factory=list)

    def ready(self) -> bool:
        return self.is_ready

    def rank(self, call: RankCall) -> Feed:
        self.calls.append(call)
        return self.on_rank(call)

    def similar(self, item_id: str, limit: int, filter: RequestFilter, context: Context) -> tuple[SimilarItem, ...]:
        if item_id == "unknown":
            raise UnknownItem(f'item_id "{item_id}" is not in the catalog; upsert it first')
        self.similar_calls.append((item_id, limit, filter, context))
        return (SimilarItem("near", 0.75, ("similar", "text")),)

    def debug(self, call: RankCall, item_id: str) -> tuple[StageTrace, ...]:
        self.calls.append(call)
        return (StageTrace("filter:seen", "dropped", f"{item_id} was read"),)

    def models(self) -> tuple[ModelSummary, ...]:
        return (ModelSummary("news", "3", ("champion",), 1_700_000_000 * SECOND + 250_000, {"auc": 0.75}),)

    def activate(self, model: str) -> Activation:
        if model != "news@3":
            raise NotFound(f'model "{model}" is not registered')
        return Activation("news@3", ("worker-1",))

    def rollback(self, name: str) -> Activation:
        return Activation(f"{name}@2", ())

    def status(self) -> Status:
        return Status("news@3", 10, 8, "42", 0.5, "text:mini", "ready", ("one worker is behind",), "0.1.0")

    def close(self, grace_s: float) -> None:
        self.closed_with = grace_s


@contextmanager
def serving(service: FakeService, threads: int = 8, max_pending: int = 512) -> Iterator[FeedServer]:
    """A started server, drained at the end."""
    server = FeedServer(service, "127.0.0.1", 0, threads, max_pending, rank_threads=threads)
    server.start()
    try:
        yield server
    finally:
        server.drain(0.0)


@contextmanager
def channel_to(server: FeedServer) -> Iterator[grpc.Channel]:
    """A bare channel without retries of any kind, so that a test sees what the server really answered."""
    options = [("grpc.enable_retries", 0), ("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{server.port}", options=options) as channel:
        yield channel


def eventually(holds: Callable[[], bool]) -> None:
    """Waits for something that must come true."""
    give_up = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < give_up, "it never came to hold"
        time.sleep(0.01)


class Gate:
    """Holds calls until it is opened, and tells how many have come."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    def wait_for(self, calls: int) -> None:
        """Returns once so many calls are held."""
        for _ in range(calls):
            if not self.entered.acquire(timeout=30):
                raise TimeoutError("the calls never came")

    def __call__(self, call: RankCall) -> Feed:
        self.entered.release()
        if not self._open.wait(timeout=30):
            raise TimeoutError("the gate was never opened")
        return made_up_feed(call)
