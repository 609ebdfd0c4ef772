"""The generator against real servers of this process: what it sends, when, and what it notes of each call."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import numpy as np
import pytest

from feedrank.errors import Unavailable
from feedrank.loadtest import Generator
from feedrank.loadtest.generator import RANK, UNREADABLE
from feedrank.v1 import feedrank_pb2 as pb

Answer = Callable[[bytes, grpc.ServicerContext], bytes]
TWO_ITEMS = pb.RankResponse(items=[pb.RankedItem(item_id="a"), pb.RankedItem(item_id="b")], degraded=True)


class Handler(grpc.GenericRpcHandler):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        return grpc.unary_unary_rpc_method_handler(self._answer) if details.method == RANK else None


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((Handler(answer),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def test_every_request_is_sent_in_turn_and_its_answer_noted() -> None:
    heard: list[str] = []

    def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
        heard.append(pb.RankRequest.FromString(request).user_id)
        return TWO_ITEMS.SerializeToString()

    requests = [pb.RankRequest(user_id=user).SerializeToString() for user in ("u1", "u2", "u3")]
    with serving(answer) as target, Generator(target, connections=2) as generator:
        generator.wait_until_serving(10.0)
        calls = generator.run(requests, np.arange(7) / 100)
    assert sorted(heard) == ["u1", "u1", "u1", "u2", "u2", "u3", "u3"]
    assert calls.codes == ["OK"] * 7 and calls.items == [2] * 7 and calls.degraded.all()
    assert (calls.sent >= calls.due).all() and (calls.ended > calls.sent).all()


def test_calls_are_sent_when_due_while_earlier_ones_wait() -> None:
    """Open loop: a server that answers none until all have come gets all of them."""
    came, released = threading.Semaphore(0), threading.Event()

    def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
        came.release()
        assert released.wait(10.0)
        return TWO_ITEMS.SerializeToString()

    def release() -> None:
        for _ in range(4):
            came.acquire()
        released.set()

    with serving(answer) as target, Generator(target, connections=1, timeout_s=10.0) as generator:
        generator.wait_until_serving(10.0)
        waiting = threading.Thread(target=release)
        waiting.start()
        calls = generator.run([b""], np.zeros(4))
        waiting.join()
    assert calls.codes == ["OK"] * 4


def test_refusals_are_noted_by_code_and_never_retried() -> None:
    heard: list[bytes] = []

    def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
        heard.append(request)
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")

    with serving(answer) as target, Generator(target, connections=1) as generator:
        calls = generator.run([b""], np.zeros(3))
    assert calls.codes == ["RESOURCE_EXHAUSTED"] * 3 and len(heard) == 3
    assert calls.items == [0, 0, 0] and not calls.degraded.any()


def test_a_call_ends_at_its_deadline() -> None:
    stop = threading.Event()

    def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
        stop.wait(10.0)
        return b""

    with serving(answer) as target, Generator(target, connections=1, timeout_s=0.2) as generator:
        started = time.monotonic()
        calls = generator.run([b""], np.zeros(2))
        assert time.monotonic() - started < 9.0
        stop.set()
    assert calls.codes == ["DEADLINE_EXCEEDED"] * 2


def test_an_answer_that_is_no_feed_is_noted_as_such() -> None:
    with serving(lambda request, context: b"\xff\xff\xff") as target, Generator(target) as generator:
        assert generator.run([b""], np.zeros(1)).codes == [UNREADABLE]


def test_settling_waits_for_the_first_quick_answer() -> None:
    delays = iter([0.3, 0.3, 0.0])

    def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
        time.sleep(next(delays, 0.0))
        return TWO_ITEMS.SerializeToString()

    with serving(answer) as target, Generator(target, connections=1) as generator:
        generator.wait_until_serving(10.0)
        assert generator.settle(b"", within_s=0.25, most_s=20.0)
        assert next(delays, None) is None  # all three were asked for


def test_settling_gives_up_on_a_service_that_stays_slow_or_sheds() -> None:
    def slow(request: bytes, context: grpc.ServicerContext) -> bytes:
        time.sleep(0.2)
        return b""

    def shedding(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")

    for answer in (slow, shedding):
        with serving(answer) as target, Generator(target) as generator:
            generator.wait_until_serving(10.0)
            assert not generator.settle(b"", within_s=0.1, most_s=0.5)


def test_no_calls_are_over_at_once() -> None:
    with serving(lambda request, context: b"") as target, Generator(target) as generator:
        assert generator.run([b""], np.zeros(0)).codes == []


def test_a_target_that_does_not_serve_is_named() -> None:
    with Generator("127.0.0.1:1") as generator, pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 does not serve"):
        generator.wait_until_serving(0.3)
