"""What surrounds every RPC: status for every error, no word too many to the caller or the log, deadlines, counts."""

import json
import logging
from collections.abc import Iterator
from unittest.mock import Mock

import grpc
import pytest
from prometheus_client import REGISTRY

from feedrank.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    PipelineError,
    RegistryError,
    StoreError,
    StoreFull,
    StoreTooNew,
    Unavailable,
    UnknownItem,
)
from feedrank.pipeline.feed import Feed, RankCall
from feedrank.server.admission import FIRST_GUESS_S, SHED_AFTER_S, Admission, RankPool
from feedrank.server.interceptors import Edge
from feedrank.server.lifecycle import FeedServer
from feedrank.server.logs import JsonLines
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import feedrank_pb2_grpc as rpc
from tests.unit.server.fakes import FakeService, Gate, channel_to, serving

USER = "user-8d2f1c"
QUERY = "a very private question"


@pytest.fixture
def server(service: FakeService) -> Iterator[FeedServer]:
    with serving(service) as server:
        yield server


@pytest.fixture
def stub(server: FeedServer) -> Iterator[rpc.RankingServiceStub]:
    with channel_to(server) as channel:
        yield rpc.RankingServiceStub(channel)


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    """Everything logged during the test, as it would stand on stderr."""
    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Collect()
    handler.setFormatter(JsonLines("test"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.setLevel(level)
    root.removeHandler(handler)


def refused(stub: rpc.RankingServiceStub, request: pb.RankRequest) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as error:
        stub.Rank(request)
    return error.value.code(), error.value.details() or ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("limit 0 is wrong"), grpc.StatusCode.INVALID_ARGUMENT),
        (UnknownItem("item x is unknown"), grpc.StatusCode.NOT_FOUND),
        (NotFound("model x is not there"), grpc.StatusCode.NOT_FOUND),
        (Conflict("not now"), grpc.StatusCode.FAILED_PRECONDITION),
        (RegistryError("sha256 differs"), grpc.StatusCode.FAILED_PRECONDITION),
        (Unavailable("still starting"), grpc.StatusCode.UNAVAILABLE),
        (StoreFull("the disk is full"), grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
def test_errors_a_caller_can_act_on_keep_their_message(
    stub: rpc.RankingServiceStub, service: FakeService, error: Exception, code: grpc.StatusCode
) -> None:
    def fail(call: RankCall) -> Feed:
        raise error

    service.on_rank = fail
    assert refused(stub, pb.RankRequest()) == (code, str(error))


@pytest.mark.parametrize(
    "error",
    [
        KeyError(USER),
        ValueError(f"no such thing: {QUERY}"),
        PipelineError(f"filter seen failed for {USER}"),
        StoreError("/data/feedrank.sqlite3: disk I/O error"),
        StoreTooNew("/data/feedrank.sqlite3: schema 9"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_give_the_caller_an_id_and_the_log_the_frames(
    stub: rpc.RankingServiceStub, service: FakeService, log_lines: list[str], error: Exception
) -> None:
    def fail(call: RankCall) -> Feed:
        raise error

    service.on_rank = fail
    code, message = refused(stub, pb.RankRequest(user_id=USER))
    assert code is grpc.StatusCode.INTERNAL
    assert message.startswith("internal error ")
    error_id = message.split()[2].rstrip(";")
    for secret in (USER, QUERY, "Traceback", "feedrank.sqlite3", ".py", "KeyError"):
        assert secret not in message

    (line,) = [json.loads(line) for line in log_lines if error_id in line]
    assert line["level"] == "error" and line["rpc"] == "Rank"
    assert line["error"][0]["type"] == type(error).__name__
    assert any("fail" in frame and "test_edge.py" in frame for frame in line["error"][0]["frames"])
    assert not [line for line in log_lines if USER in line or QUERY in line]


def test_the_cause_of_an_error_is_logged_with_it(
    stub: rpc.RankingServiceStub, service: FakeService, log_lines: list[str]
) -> None:
    def fail(call: RankCall) -> Feed:
        try:
            raise KeyError(call.user_id)
        except KeyError as cause:
            raise PipelineError(f"filter failed for {call.user_id}") from cause

    service.on_rank = fail
    refused(stub, pb.RankRequest(user_id=USER))
    (line,) = [json.loads(line) for line in log_lines if '"error_id"' in line]
    assert [entry["type"] for entry in line["error"]] == ["PipelineError", "KeyError"]
    assert USER not in json.dumps(line)


def test_nothing_a_caller_sent_reaches_the_log(server: FeedServer, log_lines: list[str]) -> None:
    secrets = [USER, QUERY, "Private City", "secret-attribute"]
    with channel_to(server) as channel:
        ranking, ingest = rpc.RankingServiceStub(channel), rpc.IngestServiceStub(channel)
        ranking.Rank(pb.RankRequest(user_id=USER, context=pb.Context(region="Private City")))
        with pytest.raises(grpc.RpcError):
            ranking.Rank(pb.RankRequest(user_id=USER, limit=0))
        with pytest.raises(grpc.RpcError):
            ranking.Rank(pb.RankRequest(user_id=USER + "x" * 300))
        event = pb.Event(event_id="e1", user_id=USER, action=pb.ACTION_SEARCH, query=QUERY)
        ingest.RecordEvents(pb.RecordEventsRequest(events=[event]))
        ingest.UpsertUsers(pb.UpsertUsersRequest(users=[pb.User(user_id=USER, attributes={"a": "secret-attribute"})]))
        list(rpc.PrivacyServiceStub(channel).ExportUser(pb.ExportUserRequest(user_id=USER)))
        rpc.PrivacyServiceStub(channel).EraseUser(pb.EraseUserRequest(user_id=USER))
    answered = [json.loads(line) for line in log_lines if '"answered"' in line]
    assert [(line["rpc"], line["code"]) for line in answered] == [
        ("Rank", "OK"),
        ("Rank", "INVALID_ARGUMENT"),
        ("Rank", "INVALID_ARGUMENT"),
        ("RecordEvents", "OK"),
        ("UpsertUsers", "OK"),
        ("ExportUser", "OK"),
        ("EraseUser", "OK"),
    ]
    assert all(line["ms"] >= 0 for line in answered)
    assert not [line for line in log_lines for secret in secrets if secret in line]


def test_a_very_long_message_is_cut_to_what_headers_carry(stub: rpc.RankingServiceStub, service: FakeService) -> None:
    def fail(call: RankCall) -> Feed:
        raise InvalidInput("ø" * 100_000)

    service.on_rank = fail
    code, message = refused(stub, pb.RankRequest())
    assert code is grpc.StatusCode.INVALID_ARGUMENT and 1_000 <= len(message) <= 1_001


@pytest.mark.parametrize(
    "data",
    [b"\x0a\x02\xff\xfe", b"\x0a\x7fshort", b"\xff\xff\xff"],
    ids=["invalid UTF-8", "truncated", "no message at all"],
)
def test_bytes_that_are_no_message_are_the_callers_fault(
    server: FeedServer, service: FakeService, log_lines: list[str], data: bytes
) -> None:
    with channel_to(server) as channel:
        rank: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/feedrank.v1.RankingService/Rank")
        with pytest.raises(grpc.RpcError) as error:
            rank(data)
        export: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(
            "/feedrank.v1.PrivacyService/ExportUser"
        )
        with pytest.raises(grpc.RpcError) as streamed:
            list(export(data))
    for refusal in (error.value, streamed.value):
        assert refusal.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "UTF-8" in (refusal.details() or "")
    assert service.calls == []
    assert not [line for line in log_lines if '"error"' in line]


def test_a_title_beyond_the_message_limit_is_refused_and_the_server_lives(server: FeedServer) -> None:
    with channel_to(server) as channel:
        stub = rpc.IngestServiceStub(channel)
        with pytest.raises(grpc.RpcError) as error:
            stub.UpsertItems(pb.UpsertItemsRequest(items=[pb.Item(item_id="a", title="x" * 10_000_000)]))
        assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in (error.value.details() or "")
        items = [pb.Item(item_id="a", title="x" * 7_000_000), pb.Item(item_id="b")]
        summary = stub.UpsertItems(pb.UpsertItemsRequest(items=items)).summary
    assert summary.accepted == 1
    assert summary.rejected[0].index == 0 and "title is 7000000 bytes long" in summary.rejected[0].reason


def test_a_request_that_waited_past_its_deadline_is_never_begun(service: FakeService) -> None:
    gate = Gate()
    service.on_rank = gate
    with serving(service, threads=1) as server, channel_to(server) as channel:
        stub = rpc.RankingServiceStub(channel)
        holding = stub.Rank.future(pb.RankRequest(user_id="first"))
        gate.wait_for(1)
        with pytest.raises(grpc.RpcError) as error:
            stub.Rank(pb.RankRequest(user_id="second"), timeout=0.05)
        assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        gate.open()
        assert holding.result().items
        stub.Rank(pb.RankRequest(user_id="third"), timeout=30)
    assert [call.user_id for call in service.calls] == ["first", "third"]


def test_beyond_saturation_callers_are_told_at_once_and_the_others_hurry(service: FakeService) -> None:
    hurried: list[bool] = []
    gate = Gate()

    def held(call: RankCall) -> Feed:
        hurried.append(call.hurried)
        return gate(call)

    service.on_rank = held
    with serving(service, threads=2) as server, channel_to(server) as channel:
        stub = rpc.RankingServiceStub(channel)
        calls = [stub.Rank.future(pb.RankRequest()) for _ in range(2)]
        gate.wait_for(2)  # both threads are busy, and stay so
        calls += [stub.Rank.future(pb.RankRequest()) for _ in range(100)]
        most = 2 + round(SHED_AFTER_S * 2 / FIRST_GUESS_S)
        refused = [call for call in calls[most:] if call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED]
        assert len(refused) == len(calls) - most  # answered while nobody else is
        assert f"{most} calls wait, about" in (refused[0].details() or "")
        gate.open()
        assert all(call.code() is grpc.StatusCode.OK for call in calls[:most])
        assert stub.Rank(pb.RankRequest()).items  # the queue is gone, and so is the refusal
    assert len(hurried) == most + 1  # what was refused was never begun
    assert hurried[:2] == [False, False] and hurried[2] and not hurried[-1]


def test_a_deadline_that_passes_before_the_first_line_runs_is_answered_as_such() -> None:
    """grpc drops requests whose deadline it saw pass; between that look and the behaviour there is the edge's own."""
    aborted: list[grpc.StatusCode] = []

    class Late:
        def time_remaining(self) -> float:
            return 0.0

        def abort(self, code: grpc.StatusCode, details: str) -> None:
            aborted.append(code)
            raise RuntimeError

    def never(request: pb.RankRequest, context: grpc.ServicerContext) -> pb.RankResponse:
        raise AssertionError("work was begun for a caller who has left")

    details = Mock(spec=["method"], method="/feedrank.v1.RankingService/Rank")
    handler: grpc.RpcMethodHandler[pb.RankRequest, pb.RankResponse]
    handler = grpc.unary_unary_rpc_method_handler(never, pb.RankRequest.FromString)
    wrapped = Edge(Admission(RankPool())).intercept_service(lambda _: handler, details)
    assert wrapped is not None and wrapped.unary_unary is not None
    with pytest.raises(RuntimeError):
        wrapped.unary_unary(pb.RankRequest(), Late())  # type: ignore[arg-type]
    assert aborted == [grpc.StatusCode.DEADLINE_EXCEEDED]


def test_more_than_the_server_can_queue_is_told_to_back_off(service: FakeService) -> None:
    gate = Gate()
    service.on_rank = gate
    with serving(service, threads=1, max_pending=2) as server, channel_to(server) as channel:
        stub = rpc.RankingServiceStub(channel)
        held = [stub.Rank.future(pb.RankRequest()) for _ in range(2)]
        gate.wait_for(1)
        outcomes = [stub.Rank.future(pb.RankRequest()) for _ in range(8)]
        codes = {outcome.exception().code() for outcome in outcomes if outcome.exception() is not None}
        gate.open()
        assert codes == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert all(call.result().items for call in held)


def test_unknown_methods_are_unimplemented(server: FeedServer) -> None:
    with channel_to(server) as channel:
        for path in ("/feedrank.v1.RankingService/Guess", "/feedrank.v9.RankingService/Rank"):
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
            with pytest.raises(grpc.RpcError) as error:
                call(b"")
            assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_every_call_is_counted_by_rpc_and_code(stub: rpc.RankingServiceStub, service: FakeService) -> None:
    def count(code: str) -> float:
        return REGISTRY.get_sample_value("feedrank_rpcs_total", {"rpc": "Rank", "code": code}) or 0.0

    def timed() -> float:
        return REGISTRY.get_sample_value("feedrank_rpc_seconds_count", {"rpc": "Rank"}) or 0.0

    before = (count("OK"), count("INVALID_ARGUMENT"), timed())
    stub.Rank(pb.RankRequest())
    refused(stub, pb.RankRequest(limit=0))
    refused(stub, pb.RankRequest(limit=0))
    assert (count("OK"), count("INVALID_ARGUMENT"), timed()) == (before[0] + 1, before[1] + 2, before[2] + 3)
