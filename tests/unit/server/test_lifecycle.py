"""Health, reflection, the port, and draining without dropping a request."""

import socket
import threading
import time
from collections.abc import Iterator

import grpc
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from feedrank.client import Client
from feedrank.errors import Conflict, FeedRankError
from feedrank.pipeline.feed import Feed, RankCall
from feedrank.server.lifecycle import SERVICES, FeedServer
from feedrank.server.ports import reserve
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import feedrank_pb2_grpc as rpc
from tests.unit.server.fakes import FakeService, Gate, channel_to, eventually, made_up_feed, serving

SERVING = health_pb2.HealthCheckResponse.SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def health_of(channel: grpc.Channel, service: str = "") -> int:
    check: grpc.UnaryUnaryMultiCallable[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse]
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        health_pb2.HealthCheckRequest.SerializeToString,
        health_pb2.HealthCheckResponse.FromString,
    )
    return check(health_pb2.HealthCheckRequest(service=service)).status


def watch_health(channel: grpc.Channel, service: str = "") -> Iterator[int]:
    watch: grpc.UnaryStreamMultiCallable[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse]
    watch = channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        health_pb2.HealthCheckRequest.SerializeToString,
        health_pb2.HealthCheckResponse.FromString,
    )
    return (answer.status for answer in watch(health_pb2.HealthCheckRequest(service=service)))


def test_health_follows_the_services_readiness(service: FakeService) -> None:
    service.is_ready = False
    with serving(service) as server, channel_to(server) as channel:
        assert health_of(channel) == NOT_SERVING
        assert health_of(channel, "feedrank.v1.RankingService") == NOT_SERVING
        service.is_ready = True
        eventually(lambda: health_of(channel) == SERVING)
        assert all(health_of(channel, name) == SERVING for name in SERVICES)
        service.is_ready = False
        eventually(lambda: health_of(channel) == NOT_SERVING)


def test_a_health_watcher_hears_of_the_drain(service: FakeService) -> None:
    server = FeedServer(service, "127.0.0.1", 0, rank_threads=8)
    server.start()
    with channel_to(server) as channel:
        eventually(lambda: health_of(channel) == SERVING)
        watch = watch_health(channel)
        unknown = watch_health(channel, "feedrank.v1.NoSuchService")
        assert next(watch) == SERVING and next(unknown) == SERVICE_UNKNOWN
        assert server.drain(30.0) is True  # which a watcher cannot hold up
        assert list(watch) == [NOT_SERVING] and list(unknown) == []


def test_watchers_leave_the_threads_to_requests(service: FakeService) -> None:
    with serving(service, threads=1) as server, channel_to(server) as channel:
        watches = [watch_health(channel) for _ in range(3)]
        assert all(next(watch) in (SERVING, NOT_SERVING) for watch in watches)
        assert rpc.RankingServiceStub(channel).Rank(pb.RankRequest(), timeout=30).items


def test_reflection_lists_the_contract(service: FakeService) -> None:
    with serving(service) as server, channel_to(server) as channel:
        ask: grpc.StreamStreamMultiCallable[Message, reflection_pb2.ServerReflectionResponse] = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            reflection_pb2.ServerReflectionRequest.SerializeToString,
            reflection_pb2.ServerReflectionResponse.FromString,
        )
        asked = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="feedrank.v1.RankingService"),
        ]
        services, described = ask(iter(asked))
        assert {s.name for s in services.list_services_response.service} >= set(SERVICES) | {"grpc.health.v1.Health"}
        assert b"RankRequest" in described.file_descriptor_response.file_descriptor_proto[0]


def test_a_port_that_something_else_listens_on_is_refused(service: FakeService) -> None:
    with reserve("127.0.0.1", 0) as reservation:
        port = reservation.port
    with socket.create_server(("127.0.0.1", port)), pytest.raises(Conflict, match=str(port)):
        FeedServer(service, "127.0.0.1", port)


def test_servers_share_a_reserved_port(service: FakeService) -> None:
    with reserve("127.0.0.1", 0) as reservation:
        first = FeedServer(service, "127.0.0.1", reservation.port)
        second = FeedServer(service, "127.0.0.1", reservation.port)
        first.start()
        second.start()
        with channel_to(first) as channel:
            assert rpc.RankingServiceStub(channel).Rank(pb.RankRequest()).items
        first.drain(1.0)
        with channel_to(second) as channel:  # every new connection now finds the one that is left
            assert rpc.RankingServiceStub(channel).Rank(pb.RankRequest()).items
        second.drain(1.0)


def test_requests_under_way_finish_before_the_service_is_closed(service: FakeService) -> None:
    gate = Gate()
    closed_while_held: list[float | None] = []

    def hold(call: RankCall) -> Feed:
        feed = gate(call)
        closed_while_held.append(service.closed_with)
        return feed

    service.on_rank = hold
    server = FeedServer(service, "127.0.0.1", 0, rank_threads=8)
    server.start()
    with channel_to(server) as channel:
        held = [rpc.RankingServiceStub(channel).Rank.future(pb.RankRequest()) for _ in range(5)]
        gate.wait_for(5)
        drained: list[bool] = []
        draining = threading.Thread(target=lambda: drained.append(server.drain(30.0)))
        draining.start()
        with channel_to(server) as late:  # the port is closed, so nobody new comes in
            eventually(lambda: _code_of(rpc.RankingServiceStub(late)) is grpc.StatusCode.UNAVAILABLE)
        assert service.closed_with is None
        gate.open()
        assert all(len(call.result().items) == 20 for call in held)
        draining.join()
    assert drained == [True]
    assert set(closed_while_held) == {None}
    assert service.closed_with is not None and 0 < service.closed_with <= 30.0


def _code_of(stub: rpc.RankingServiceStub) -> grpc.StatusCode | None:
    try:
        stub.Rank(pb.RankRequest(), timeout=0.2)
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return None


def test_the_drain_ends_with_its_grace_period(service: FakeService) -> None:
    gate = Gate()
    service.on_rank = gate
    server = FeedServer(service, "127.0.0.1", 0, rank_threads=8)
    server.start()
    with channel_to(server) as channel:
        held = rpc.RankingServiceStub(channel).Rank.future(pb.RankRequest())
        gate.wait_for(1)
        assert server.drain(0.05) is False
        cut_off = held.exception(timeout=30)
        assert cut_off.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)
    assert service.closed_with is not None
    gate.open()


def test_under_load_every_request_that_was_begun_is_answered(service: FakeService) -> None:
    """Callers without retries hammer a server while it drains: what it began, it answers; the rest it never begins."""
    begun: set[str] = set()

    def slow(call: RankCall) -> Feed:
        begun.add(call.request_id)
        time.sleep(0.002)
        return made_up_feed(call)

    service.on_rank = slow
    server = FeedServer(service, "127.0.0.1", 0, rank_threads=8)
    server.start()
    answered: set[str] = set()
    refusals: set[grpc.StatusCode] = set()

    def hammer(caller: int) -> None:
        with channel_to(server) as channel:
            stub = rpc.RankingServiceStub(channel)
            for i in range(100_000):
                request_id = f"{caller}-{i}"
                try:
                    stub.Rank(pb.RankRequest(request_id=request_id), timeout=30)
                except grpc.RpcError as error:
                    refusals.add(error.code())
                    return
                answered.add(request_id)

    callers = [threading.Thread(target=hammer, args=(n,)) for n in range(12)]
    for caller in callers:
        caller.start()
    eventually(lambda: len(answered) > 200)
    assert server.drain(30.0) is True
    for caller in callers:
        caller.join()
    assert begun == answered
    assert refusals <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


def test_callers_with_retries_notice_nothing_when_one_of_two_servers_drains(service: FakeService) -> None:
    def slow(call: RankCall) -> Feed:
        time.sleep(0.002)
        return made_up_feed(call)

    service.on_rank = slow
    with reserve("127.0.0.1", 0) as reservation:
        leaving = FeedServer(service, "127.0.0.1", reservation.port)
        staying = FeedServer(FakeService(service.store, slow), "127.0.0.1", reservation.port)
        leaving.start()
        staying.start()
        answered = [0] * 6
        stop = threading.Event()
        errors: list[FeedRankError] = []

        def hammer(caller: int) -> None:
            with Client(f"127.0.0.1:{reservation.port}") as client:
                while not stop.is_set():
                    try:
                        client.rank(RankCall(limit=3), timeout_s=30)
                    except FeedRankError as error:
                        errors.append(error)
                        return
                    answered[caller] += 1

        callers = [threading.Thread(target=hammer, args=(n,)) for n in range(len(answered))]
        for caller in callers:
            caller.start()
        eventually(lambda: min(answered) > 20)
        assert leaving.drain(30.0) is True
        before = list(answered)
        eventually(lambda: all(now > then + 20 for now, then in zip(answered, before, strict=True)) or bool(errors))
        stop.set()
        for caller in callers:
            caller.join()
        staying.drain(1.0)
    assert errors == []


@pytest.fixture(autouse=True)
def no_threads_are_left() -> Iterator[None]:
    yield
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name == "readiness"])
