"""Sends Rank calls when they are due over several connections, and notes what became of each.

One thread and one event loop, which takes two thirds of the processor time that gRPC's threads take; requests are
serialised beforehand and replies only looked at for what is counted, for the generator may share its machine with the
server. Nothing is retried: a refusal is a figure. Knows nothing of rates or of percentiles.
"""

import asyncio
import gc
import time
from collections.abc import Sequence
from types import TracebackType

import grpc
import numpy as np
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from feedrank.errors import Unavailable
from feedrank.loadtest.figures import OK, Calls
from feedrank.types import F64
from feedrank.v1 import feedrank_pb2 as pb

RANK = "/feedrank.v1.RankingService/Rank"
HEALTH = "/grpc.health.v1.Health/Check"
CONNECTIONS = 32  # each lands on one worker by its hash: of 8, six or more meet on one of two in every third run
HEAD_START_S = 0.02  # between setting the clock and the first call due
SHED = ("RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "UNAVAILABLE")  # what a service says that has too much to do
UNREADABLE = "UNREADABLE"  # an answer that is no RankResponse
SETTLE_S = 10.0  # some hundred waiting calls of a slow service
_CHECK_S = 0.05

_OPTIONS: list[tuple[str, str | int]] = [
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),  # else channels to one target share one connection
    ("grpc.max_receive_message_length", -1),
]


class Generator:
    """Connections to one target. Use it as a context, from one thread."""

    def __init__(self, target: str, connections: int = CONNECTIONS, timeout_s: float = 1.0) -> None:
        """`timeout_s` is the deadline each call carries; it also bounds how many are under way at once."""
        self._target, self._connections, self._timeout_s = target, connections, timeout_s

    def __enter__(self) -> "Generator":
        self._runner = asyncio.Runner()
        self._channels = self._runner.run(_open(self._target, self._connections))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(_close(self._channels))
        self._runner.close()

    def wait_until_serving(self, timeout_s: float = 60.0) -> None:
        """Returns once every connection stands and the service says SERVING, if it has a health service at all.

        Unavailable when it does not within `timeout_s`.
        """
        try:
            self._runner.run(asyncio.wait_for(_serving(self._channels), timeout_s))
        except TimeoutError as error:
            raise Unavailable(
                f"{self._target} does not serve within {timeout_s:g} s; is the service running there?"
            ) from error

    def settle(self, request: bytes, within_s: float, most_s: float = SETTLE_S) -> bool:
        """Sends single calls until one is over quickly and not shed: what an earlier load left in queues must not meet
        the next. False where none was within `most_s`.
        """
        give_up = time.monotonic() + most_s
        while time.monotonic() < give_up:
            calls = self.run([request], np.zeros(1))
            if calls.codes[0] not in SHED and float(calls.ended[0] - calls.sent[0]) <= within_s:
                return True
            time.sleep(_CHECK_S)
        return False

    def run(self, requests: Sequence[bytes], due: F64) -> Calls:
        """Sends request k at due[k] seconds, (n,) ascending, and returns once all are over.

        Requests are taken in turn and begin anew where there are fewer of them than calls.
        """
        gc.collect()
        gc.disable()  # a collection of a million objects would be a lag of the generator's own
        try:
            return self._runner.run(_run(self._channels, requests, due, self._timeout_s))
        finally:
            gc.enable()


async def _open(target: str, connections: int) -> list[grpc.aio.Channel]:
    return [grpc.aio.insecure_channel(target, options=_OPTIONS) for _ in range(connections)]


async def _close(channels: Sequence[grpc.aio.Channel]) -> None:
    for channel in channels:
        await channel.close()


async def _serving(channels: Sequence[grpc.aio.Channel]) -> None:
    for channel in channels:
        await channel.channel_ready()
    check: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channels[0].unary_unary(HEALTH)
    while True:
        try:
            reply = await check(b"", timeout=1.0)
            if health_pb2.HealthCheckResponse.FromString(reply).status == health_pb2.HealthCheckResponse.SERVING:
                return
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return
        await asyncio.sleep(_CHECK_S)


async def _run(channels: Sequence[grpc.aio.Channel], requests: Sequence[bytes], due: F64, timeout_s: float) -> Calls:
    n = len(due)
    sent, ended = np.zeros(n), np.zeros(n)
    codes, items, degraded = [OK] * n, [0] * n, np.zeros(n, np.bool_)
    methods: list[grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = [channel.unary_unary(RANK) for channel in channels]
    clock = time.perf_counter
    cpu = time.process_time()
    begun = clock() + HEAD_START_S

    async def one(k: int) -> None:
        sent[k] = clock() - begun
        try:
            reply = await methods[k % len(methods)](requests[k % len(requests)], timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            ended[k] = clock() - begun
            codes[k] = error.code().name
            return
        ended[k] = clock() - begun
        try:
            answer = pb.RankResponse.FromString(reply)
        except DecodeError:
            codes[k] = UNREADABLE
            return
        degraded[k], items[k] = answer.degraded, len(answer.items)

    under_way = set()
    for k, at in enumerate((begun + due).tolist()):
        # Also when behind: answers are heard of only while this task waits.
        await asyncio.sleep(max(at - clock(), 0.0))
        call = asyncio.create_task(one(k))
        under_way.add(call)
        call.add_done_callback(under_way.discard)
    if under_way:
        await asyncio.wait(under_way)
    return Calls(due, sent, ended, codes, degraded, items, time.process_time() - cpu)
