"""Every RPC over a real connection: what goes in reaches the domain, what the domain says comes out."""

from collections.abc import Iterator

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from feedrank.server.lifecycle import SERVICES
from feedrank.types import SECOND, Personalization, UserId
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import feedrank_pb2_grpc as rpc
from tests.unit.server.fakes import FakeService, channel_to, serving

NOW_S = 1_700_000_000


@pytest.fixture
def channel(service: FakeService) -> Iterator[grpc.Channel]:
    with serving(service) as server, channel_to(server) as channel:
        yield channel


def test_rank_carries_every_field_both_ways(channel: grpc.Channel, service: FakeService) -> None:
    request = pb.RankRequest(
        user_id="u1",
        limit=2,
        surface="home",
        context=pb.Context(language="da", country="DK", region="DK-84", device="phone", session_id="s1"),
        candidate_ids=["a", "b"],
        filter=pb.Filter(include_categories=["sport"], exclude_item_ids=["x"]),
        personalization=pb.PERSONALIZATION_OFF,
        explain=True,
        experiment_overrides={"exp": "b"},
        request_id="r1",
        dry_run=True,
    )
    request.filter.max_age.seconds = 3600
    reply = rpc.RankingServiceStub(channel).Rank(request)

    (call,) = service.calls
    assert (call.user_id, call.limit, call.surface, call.request_id) == ("u1", 2, "home", "r1")
    assert (call.context.language, call.context.session_id) == ("da", "s1")
    assert call.candidate_ids == ("a", "b")
    assert (call.filter.include_categories, call.filter.exclude_item_ids) == (("sport",), ("x",))
    assert call.filter.max_age == 3600 * SECOND
    assert call.personalization is Personalization.OFF
    assert (call.explain, call.dry_run, call.experiment_overrides) == (True, True, {"exp": "b"})

    assert [item.item_id for item in reply.items] == ["item-1", "item-2"]
    first, second = reply.items
    assert (first.position, first.score, first.propensity, first.story_id) == (1, 1.0, 0.5, "story-1")
    assert list(first.sources) == ["fresh", "trending"]
    assert first.click_probability == 0.25 and not second.HasField("click_probability")
    assert [c.feature for c in first.explanation.contributions] == ["ctr_6h", "rule:breaking"]
    assert (first.explanation.base, list(first.explanation.reasons)) == (-0.125, ["hot"])
    assert not second.HasField("explanation")
    assert (reply.request_id, reply.model_version, dict(reply.variants)) == ("r1", "prior", {"exp": "b"})
    assert (reply.degraded, list(reply.degraded_reasons)) == (True, ["no encoder"])
    assert reply.next_page_token


def test_similar_and_debug(channel: grpc.Channel, service: FakeService) -> None:
    stub = rpc.RankingServiceStub(channel)
    reply = stub.SimilarItems(pb.SimilarItemsRequest(item_id="a", filter=pb.Filter(languages=["da"])))
    assert [(i.item_id, i.score, list(i.sources)) for i in reply.items] == [("near", 0.75, ["similar", "text"])]
    assert service.similar_calls[0][1] == 20
    assert service.similar_calls[0][2].languages == ("da",)
    traced = stub.Debug(pb.DebugRequest(request=pb.RankRequest(user_id="u1", limit=5), item_id="a"))
    assert [(s.stage, s.verdict, s.detail) for s in traced.stages] == [("filter:seen", "dropped", "a was read")]
    assert service.calls[0].limit == 5


def test_writes_land_and_name_the_index_of_every_refused_element(channel: grpc.Channel, service: FakeService) -> None:
    stub = rpc.IngestServiceStub(channel)
    items = [
        pb.Item(item_id="a", title="A"),
        pb.Item(item_id=""),
        pb.Item(item_id="b"),
        pb.Item(item_id="a", title="A"),
    ]
    items.append(pb.Item(item_id="c", published_at=Timestamp(seconds=1, nanos=2_000_000_000)))
    summary = stub.UpsertItems(pb.UpsertItemsRequest(items=items)).summary
    assert (summary.accepted, summary.duplicates) == (2, 1)
    assert [r.index for r in summary.rejected] == [1, 4]
    assert "item_id is empty" in summary.rejected[0].reason
    assert "published_at.nanos 2000000000" in summary.rejected[1].reason
    assert service.store.rows_of(["a", "b", "c"]) == [0, 1, None]

    users = stub.UpsertUsers(pb.UpsertUsersRequest(users=[pb.User(user_id="u1", region="DK-84"), pb.User()])).summary
    assert users.accepted == 1 and [r.index for r in users.rejected] == [1]
    user = service.store.account(UserId("u1")).user
    assert user is not None and user.region == "DK-84"

    def event(event_id: str, **fields: object) -> pb.Event:
        fields = {"user_id": "u1", "item_id": "a", "action": pb.ACTION_CLICK, "time": Timestamp(seconds=NOW_S)} | fields
        return pb.Event(event_id=event_id, **fields)  # type: ignore[arg-type]

    events = [event("e1"), event("e2", time=Timestamp(seconds=NOW_S, nanos=-1)), event("e1"), event("e3", action=99)]
    events += [event("e4", value=float("nan")), event("e5", time=Timestamp(seconds=2**62)), event("e6")]
    summary = stub.RecordEvents(pb.RecordEventsRequest(events=events)).summary
    assert (summary.accepted, summary.duplicates) == (2, 1)
    assert [r.index for r in summary.rejected] == [1, 3, 4, 5]
    assert len(service.store.user_history(UserId("u1")).records) == 2

    gone = stub.DeleteItems(pb.DeleteItemsRequest(item_ids=["b", "", "never"])).summary
    assert gone.accepted == 1 and [r.index for r in gone.rejected] == [1, 2]


def test_privacy(channel: grpc.Channel, service: FakeService) -> None:
    ingest, privacy = rpc.IngestServiceStub(channel), rpc.PrivacyServiceStub(channel)
    ingest.UpsertUsers(pb.UpsertUsersRequest(users=[pb.User(user_id="u1", country="DK")]))
    rows = list(privacy.ExportUser(pb.ExportUserRequest(user_id="u1")))
    assert rows and all(row.json for row in rows)
    privacy.SetPersonalization(pb.SetPersonalizationRequest(user_id="u1", personalization=pb.PERSONALIZATION_OFF))
    assert service.store.account(UserId("u1")).personalization is Personalization.OFF
    erased = privacy.EraseUser(pb.EraseUserRequest(user_id="u1"))
    assert erased.records_erased >= 1 and erased.receipt and erased.complete_by.seconds > NOW_S
    again = privacy.EraseUser(pb.EraseUserRequest(user_id="u1"))
    assert (again.records_erased, again.receipt) == (0, erased.receipt)


def test_admin(channel: grpc.Channel) -> None:
    stub = rpc.AdminServiceStub(channel)
    (model,) = stub.ListModels(pb.ListModelsRequest()).models
    assert (model.name, model.version, list(model.aliases), dict(model.metrics)) == (
        "news",
        "3",
        ["champion"],
        {"auc": 0.75},
    )
    assert model.created_at.ToMicroseconds() == NOW_S * SECOND + 250_000
    activated = stub.ActivateModel(pb.ActivateModelRequest(model="news@3"))
    assert (activated.model_version, list(activated.workers_behind)) == ("news@3", ["worker-1"])
    assert stub.RollbackModel(pb.RollbackModelRequest(name="news")).model_version == "news@2"
    status = stub.GetStatus(pb.GetStatusRequest())
    assert (status.items, status.items_with_text_vectors, status.log_position) == (10, 8, "42")
    assert (status.log_lag_seconds, status.encoder, status.version) == (0.5, "text:mini", "0.1.0")


def test_every_service_of_the_contract_is_served() -> None:
    assert [name.rpartition(".")[2] for name in SERVICES] == [
        "AdminService",
        "IngestService",
        "PrivacyService",
        "RankingService",
    ]
