"""Writes as clients send them: slates viewed and clicked, and new articles, as serialised requests.

    .venv/bin/python scripts/benchmarks/traffic.py --target 127.0.0.1:50051 --items 10000 --users 100000 --seconds 20

As a command, a process of its own that writes at a fixed rate, open loop, and swaps models, while something else is
measured. Knows nothing of what is measured.
"""

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import grpc
import numpy as np
import typer
import world_log
import worlds
from google.protobuf.timestamp_pb2 import Timestamp

from feedrank.content import to_timestamp
from feedrank.loadtest.figures import percentiles
from feedrank.v1 import feedrank_pb2 as pb

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

BATCH = 100  # events of one request
RECORD, UPSERT, ACTIVATE = (
    "/feedrank.v1.IngestService/RecordEvents",
    "/feedrank.v1.IngestService/UpsertItems",
    "/feedrank.v1.AdminService/ActivateModel",
)
TIMEOUT_S = 30.0  # a stalled write is a figure, not an end
WORDS = (
    *("harbour", "bridge", "council", "votes", "budget", "storm", "league", "coach", "striker", "election"),
    *("minister", "hospital", "school", "trial", "court", "festival", "museum", "market", "factory", "strike"),
    *("energy", "wind", "prices", "housing", "tenants", "railway", "airport", "border", "treaty", "climate"),
)


class Traffic:
    """Makes requests of a world's users and items; ids are new in every process that does."""

    def __init__(self, items: int, users: int, seed: int) -> None:
        self._items, self._users = items, users
        self._rng = np.random.default_rng(seed)
        self._run = f"{time.time_ns():x}-{seed}"
        self._n = 0

    def events(self, count: int = BATCH) -> pb.RecordEventsRequest:
        """`count` events of now, an even number: views of whole slates, each with the click that answers it."""
        slates = count // 2
        users = self._rng.integers(0, self._users, slates).tolist()
        first = self._rng.integers(0, self._items - world_log.SHOWN, slates).tolist()
        now = to_timestamp(time.time_ns() // 1_000)
        events = []
        for user, start in zip(users, first, strict=True):
            self._n += 1
            events += self._slate(f"u{user}", [f"i{start + k}" for k in range(world_log.SHOWN)], now)
        return pb.RecordEventsRequest(events=events)

    def clicks(self, count: int = BATCH) -> pb.RecordEventsRequest:
        """`count` clicks of now, by themselves: the smallest events there are that change a feed."""
        users = self._rng.integers(0, self._users, count).tolist()
        items = self._rng.integers(0, self._items, count).tolist()
        now = to_timestamp(time.time_ns() // 1_000)
        events = []
        for user, item in zip(users, items, strict=True):
            self._n += 1
            name = f"c{self._run}-{self._n}"
            event = pb.Event(event_id=name, user_id=f"u{user}", time=now, action=pb.ACTION_CLICK, item_id=f"i{item}")
            events.append(event)
        return pb.RecordEventsRequest(events=events)

    def _slate(self, user: str, shown: list[str], now: Timestamp) -> list[pb.Event]:
        name = f"{self._run}-{self._n}"
        view = pb.Event(event_id=f"v{name}", user_id=user, time=now, action=pb.ACTION_VIEW, request_id=name)
        view.item_ids.extend(shown)
        click = pb.Event(event_id=f"c{name}", user_id=user, time=now, action=pb.ACTION_CLICK, request_id=name)
        click.item_id = shown[0]
        return [view, click]

    def items(self, count: int = 1, dimensions: int = 0) -> pb.UpsertItemsRequest:
        """`count` new articles with a text of their own; with `dimensions`, their vectors too."""
        return pb.UpsertItemsRequest(items=[self._item(dimensions) for _ in range(count)])

    def _item(self, dimensions: int) -> pb.Item:
        self._n += 1
        words = " ".join(self._rng.choice(WORDS, 40).tolist())
        name = f"new-{self._run}-{self._n}"
        item = pb.Item(item_id=name, title=words[:60], body=words, category="c0", subcategory="t0")
        if dimensions:
            item.vectors[worlds.SPACE].values.extend(self._rng.standard_normal(dimensions).tolist())
        return item


@dataclass(slots=True)
class Written:
    """What became of one kind of writes: milliseconds from when each was due, and failures by code."""

    took_ms: list[float] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        found = {name: v for name, v in percentiles(np.array(self.took_ms)).items() if np.isfinite(v)}
        return {"acknowledged": len(self.took_ms), "failed": self.failed, "from_due_ms": found}


Send = Callable[[bytes], Awaitable[bytes]]


async def paced(send: Send, make: Callable[[], bytes], rate: float, seconds: float) -> Written:
    """Sends `rate` requests a second for `seconds`, each when it is due, and waits for all."""
    written = Written()
    clock = time.perf_counter
    begun = clock()

    async def one(due: float) -> None:
        try:
            await send(make())
        except grpc.aio.AioRpcError as error:
            name = error.code().name
            written.failed[name] = written.failed.get(name, 0) + 1
            return
        written.took_ms.append((clock() - due) * 1e3)

    under_way = []
    for k in range(int(rate * seconds)):
        due = begun + k / rate
        await asyncio.sleep(max(due - clock(), 0.0))
        under_way.append(asyncio.create_task(one(due)))
    await asyncio.gather(*under_way)
    return written


@dataclass(frozen=True, slots=True)
class Plan:
    """What is written, and how fast."""

    seconds: float
    events_per_s: float
    items_per_s: float
    dimensions: int  # of vectors that come with items; 0: texts alone
    models: tuple[str, ...]  # activated in turn
    every: float  # seconds between activations


async def write(target: str, traffic: Traffic, plan: Plan) -> dict[str, Any]:
    """Writes as planned; what became of each kind."""
    async with grpc.aio.insecure_channel(target) as channel:

        def sender(path: str) -> Send:
            method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)

            async def send(request: bytes) -> bytes:
                return await method(request, timeout=TIMEOUT_S)

            return send

        turns = itertools.cycle(plan.models)

        def events() -> bytes:
            return traffic.events().SerializeToString()

        def items() -> bytes:
            return traffic.items(1, plan.dimensions).SerializeToString()

        def swap() -> bytes:
            return pb.ActivateModelRequest(model=next(turns)).SerializeToString()

        kinds = {
            "events": paced(sender(RECORD), events, plan.events_per_s / BATCH, plan.seconds),
            "items": paced(sender(UPSERT), items, plan.items_per_s, plan.seconds),
        }
        if plan.models:
            kinds["swaps"] = paced(sender(ACTIVATE), swap, 1.0 / plan.every, max(plan.seconds, plan.every))
        done = await asyncio.gather(*kinds.values())
    return {name: written.as_json() for name, written in zip(kinds, done, strict=True)}


@app.command()
def main(
    target: Annotated[str, typer.Option(help="HOST:PORT of the service.")],
    items: Annotated[int, typer.Option(min=100, help="In the world's catalog.")],
    users: Annotated[int, typer.Option(min=1, help="Of the world.")],
    seconds: Annotated[float, typer.Option(min=0.5, help="How long.")],
    events_per_s: Annotated[float, typer.Option(min=1, help="In batches of 100.")] = 2_000.0,
    items_per_s: Annotated[float, typer.Option(min=0.1, help="One at a time.")] = 2.0,
    dimensions: Annotated[int, typer.Option(min=0, help="Of vectors sent along; 0: texts alone.")] = 0,
    model: Annotated[list[str] | None, typer.Option(help="To activate in turn; repeat it.")] = None,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between activations.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Of what is written.")] = 1,
) -> None:
    """Write for a while, and print what became of it as JSON."""
    traffic = Traffic(items, users, seed)
    plan = Plan(seconds, events_per_s, items_per_s, dimensions, tuple(model or ()), every)
    typer.echo(json.dumps(asyncio.run(write(target, traffic, plan))))


if __name__ == "__main__":
    app()
