"""Both clients against a scripted server: what they send, what they make of replies, when they try again."""

import asyncio
import inspect
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2

from feedrank.client import (
    Action,
    AsyncClient,
    Client,
    Conflict,
    DeadlineExceeded,
    Event,
    FeedRankError,
    InvalidInput,
    Item,
    ItemId,
    NotFound,
    Personalization,
    RankCall,
    Rejection,
    ServerError,
    Unavailable,
    User,
    UserId,
    WriteResult,
)
from feedrank.client.channel import ATTEMPTS
from feedrank.v1 import feedrank_pb2 as pb
from tests.unit.client.scripted import answering

Call = Callable[..., Any]
BUSY = (grpc.StatusCode.UNAVAILABLE, "starting")
FULL = (grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")
GONE = (grpc.StatusCode.CANCELLED, "stopped before it began")
SERVING = health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)
NOT_SERVING = health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.NOT_SERVING)


def blocking(target: str, method: str, *args: object, **kwargs: object) -> object:
    with Client(target, connections=1) as client:
        result = getattr(client, method)(*args, **kwargs)
        return list(result) if isinstance(result, Iterator) else result


def on_asyncio(target: str, method: str, *args: object, **kwargs: object) -> object:
    async def run() -> object:
        async with AsyncClient(target, connections=1) as client:
            result = getattr(client, method)(*args, **kwargs)
            return [row async for row in result] if isinstance(result, AsyncIterator) else await result

    return asyncio.run(run())


@pytest.fixture(params=[blocking, on_asyncio])
def call(request: pytest.FixtureRequest) -> Call:
    chosen: Call = request.param
    return chosen


def test_both_clients_offer_the_same() -> None:
    def offer(client: type) -> dict[str, list[inspect.Parameter]]:
        methods = {name: method for name, method in vars(client).items() if not name.startswith("_")}
        return {name: list(inspect.signature(method).parameters.values()) for name, method in methods.items()}

    assert offer(Client) == offer(AsyncClient)
    assert {"rank", "rank_pages", "record_events", "export_user", "wait_until_serving"} <= set(offer(Client))


@pytest.mark.parametrize("failure", [BUSY, FULL, GONE], ids=lambda failure: failure[0].name)
def test_a_call_that_may_succeed_later_is_tried_again_as_the_same_call(
    call: Call, failure: tuple[grpc.StatusCode, str]
) -> None:
    with answering(failure, failure, pb.RankResponse(model_version="prior")) as (target, script):
        assert call(target, "rank", RankCall(user_id="u1")).model_version == "prior"
    assert len(script.received) == 3 and len(set(script.received)) == 1
    assert pb.RankRequest.FromString(script.received[0]).request_id


def test_events_keep_their_ids_from_try_to_try(call: Call) -> None:
    done = pb.RecordEventsResponse(summary=pb.WriteSummary(accepted=2))
    with answering(BUSY, done) as (target, script):
        events = [Event("", UserId("u1"), 0, Action.CLICK, "a"), Event("mine", UserId("u1"), 5, Action.CLICK, "a")]
        assert call(target, "record_events", events) == WriteResult(2)
    assert len(script.received) == 2 and len(set(script.received)) == 1
    first, second = pb.RecordEventsRequest.FromString(script.received[0]).events
    assert first.event_id and first.time.seconds > 1_600_000_000 and second.event_id == "mine"


def test_large_requests_are_tried_again_too(call: Call) -> None:
    item = Item(ItemId("a"), body="x" * 3_000_000)
    done = pb.UpsertItemsResponse(summary=pb.WriteSummary(accepted=1))
    with answering(BUSY, done) as (target, script):
        assert call(target, "upsert_items", [item]) == WriteResult(1)
    assert len(script.received) == 2


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidInput),
        (grpc.StatusCode.NOT_FOUND, NotFound),
        (grpc.StatusCode.FAILED_PRECONDITION, Conflict),
        (grpc.StatusCode.INTERNAL, ServerError),
        (grpc.StatusCode.UNKNOWN, ServerError),
        (grpc.StatusCode.UNIMPLEMENTED, ServerError),
    ],
)
def test_final_errors_are_raised_at_once_in_the_domains_words(
    call: Call, code: grpc.StatusCode, kind: type[FeedRankError]
) -> None:
    with answering((code, "limit 0 lies outside")) as (target, script), pytest.raises(kind, match="limit 0") as error:
        call(target, "rank", RankCall())
    assert type(error.value) is kind and isinstance(error.value.__cause__, grpc.RpcError)
    assert len(script.received) == 1


def test_a_streams_error_is_raised_in_the_domains_words(call: Call) -> None:
    refusal = (grpc.StatusCode.INVALID_ARGUMENT, "user_id is empty")
    with answering(refusal) as (target, _), pytest.raises(InvalidInput, match="user_id is empty"):
        call(target, "export_user", "")


def test_tries_are_limited(call: Call) -> None:
    with answering(BUSY) as (target, script), pytest.raises(Unavailable, match="starting"):
        call(target, "rank", RankCall(), timeout_s=30)
    assert len(script.received) == ATTEMPTS


def test_the_deadline_is_for_all_tries_together(call: Call) -> None:
    held = threading.Event()

    def hold() -> pb.RankResponse:
        held.wait(30)
        return pb.RankResponse()

    with answering(BUSY, hold) as (target, _):
        with pytest.raises(DeadlineExceeded):
            call(target, "rank", RankCall(), timeout_s=0.4)
        held.set()


def test_nobody_there_is_unavailable(call: Call) -> None:
    with answering(pb.RankResponse()) as (target, _):
        pass  # the server is gone, its port is free
    with pytest.raises(Unavailable):
        call(target, "rank", RankCall())


def test_writes_wait_for_a_service_that_is_not_there_yet(call: Call) -> None:
    with answering(pb.DeleteItemsResponse()) as (target, _):
        pass
    done = pb.DeleteItemsResponse(summary=pb.WriteSummary(accepted=1))
    results: list[object] = []
    writer = threading.Thread(target=lambda: results.append(call(target, "delete_items", ["a"])))
    writer.start()
    with answering(done, target=target):
        writer.join()
    assert results == [WriteResult(1)]


def test_a_write_of_many_elements_is_several_calls_and_one_result(call: Call) -> None:
    first = pb.UpsertUsersResponse(summary=pb.WriteSummary(accepted=1_000))
    rest = pb.UpsertUsersResponse(summary=pb.WriteSummary(accepted=1, rejected=[pb.Rejection(index=1, reason="x")]))
    with answering(first, rest) as (target, script):
        users = [User(UserId(f"u{i}")) for i in range(1_002)]
        assert call(target, "upsert_users", users) == WriteResult(1_001, 0, (Rejection(1_001, "x"),))
        assert call(target, "delete_items", []) == WriteResult()
    assert [len(pb.UpsertUsersRequest.FromString(data).users) for data in script.received] == [1_000, 2]


def test_pages_follow_their_tokens_to_the_end(call: Call) -> None:
    pages = [
        pb.RankResponse(items=[pb.RankedItem(item_id=str(page))], next_page_token=token)
        for page, token in enumerate(("t1", "t2", ""))
    ]
    with answering(*pages) as (target, script):
        feeds = call(target, "rank_pages", RankCall(user_id="u1", limit=1))
    assert [feed.items[0].item_id for feed in feeds] == ["0", "1", "2"]
    asked = [pb.RankRequest.FromString(data) for data in script.received]
    assert [request.page_token for request in asked] == ["", "t1", "t2"]
    assert len({request.request_id for request in asked}) == 3
    assert {(request.user_id, request.limit) for request in asked} == {("u1", 1)}


def test_an_export_arrives_row_by_row(call: Call) -> None:
    rows = [pb.ExportUserResponse(kind=str(n), time=Timestamp(seconds=n), json="{}") for n in range(3)]
    with answering(rows) as (target, _):
        exported = call(target, "export_user", "u1")
    assert [(row.kind, row.time, row.json) for row in exported] == [(str(n), n * 1_000_000, "{}") for n in range(3)]


def test_the_remaining_calls_speak_the_domains_words(call: Call) -> None:
    with answering(pb.SimilarItemsResponse(items=[pb.SimilarItem(item_id="b", score=0.5, sources=["text"])])) as (t, _):
        (near,) = call(t, "similar_items", "a", limit=3)
        assert (near.item_id, near.score, near.sources) == ("b", 0.5, ("text",))
    with answering(pb.DebugResponse(stages=[pb.StageTrace(stage="s", verdict="kept", detail="d")])) as (t, _):
        (trace,) = call(t, "debug", RankCall(), "a")
        assert (trace.stage, trace.verdict, trace.detail) == ("s", "kept", "d")
    with answering(pb.EraseUserResponse(records_erased=3, receipt="r", complete_by=Timestamp(seconds=9))) as (t, _):
        erasure = call(t, "erase_user", "u1")
        assert (erasure.records_erased, erasure.receipt, erasure.complete_by) == (3, "r", 9_000_000)
    with answering(pb.SetPersonalizationResponse()) as (t, script):
        assert call(t, "set_personalization", "u1", Personalization.OFF) is None
        assert pb.SetPersonalizationRequest.FromString(script.received[0]).personalization == pb.PERSONALIZATION_OFF
    with answering(pb.ListModelsResponse(models=[pb.ModelInfo(name="n", version="1", metrics={"auc": 0.7})])) as (t, _):
        (model,) = call(t, "list_models")
        assert (model.name, model.version, model.metrics) == ("n", "1", {"auc": 0.7})
    with answering(pb.ActivateModelResponse(model_version="n@1", workers_behind=["w"])) as (t, _):
        assert call(t, "activate_model", "n").workers_behind == ("w",)
    with answering(pb.RollbackModelResponse(model_version="n@0")) as (t, _):
        assert call(t, "rollback_model", "n").model_version == "n@0"
    with answering(pb.GetStatusResponse(items=5, encoder="e", degraded_reasons=["x"])) as (t, _):
        status = call(t, "status")
        assert (status.items, status.encoder, status.degraded_reasons) == (5, "e", ("x",))


def test_waiting_ends_when_the_service_serves(call: Call) -> None:
    with answering(BUSY, NOT_SERVING, SERVING) as (target, script):
        assert call(target, "wait_until_serving", 30.0) is None
    assert set(script.methods) == {"/grpc.health.v1.Health/Check"} and len(script.received) == 3


def test_waiting_ends_with_its_time(call: Call) -> None:
    with answering(NOT_SERVING) as (target, _), pytest.raises(DeadlineExceeded, match=r"within 0\.3 s"):
        call(target, "wait_until_serving", 0.3)


def test_calls_are_spread_over_the_connections() -> None:
    with answering(pb.RankResponse()) as (target, script), Client(target, connections=3) as client:
        for _ in range(6):
            client.rank(RankCall())
    assert len(script.peers) == 3
    with pytest.raises(InvalidInput, match="connections 0"):
        Client(target, connections=0)


def test_importing_the_client_imports_nothing_heavy() -> None:
    heavy = ("torch", "faiss", "lightgbm", "scipy", "polars", "sqlite3", "sentence_transformers", "prometheus_client")
    code = f"import sys, feedrank.client; print([name for name in {heavy} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
