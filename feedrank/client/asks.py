"""Every call a client can make, as a value: where it goes, what it says, how its reply reads, how long it may take.

The blocking and the asyncio client only carry asks to the service. Knows nothing of channels.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from feedrank.client import decode, encode
from feedrank.pipeline.feed import Feed, RankCall, SimilarItem, StageTrace
from feedrank.pipeline.stages import RequestFilter
from feedrank.serving.api import Activation, ModelSummary, Status
from feedrank.store import Erasure, ExportedRow
from feedrank.types import Context, Event, Item, Personalization, User, WriteResult
from feedrank.v1 import feedrank_pb2 as pb

CHECK_SERVING_S = 0.1  # between two looks at the service's health
RANK_S = 2.0  # a later feed is worth nothing
READ_S = 10.0
WRITE_S = 30.0  # of one batch
ERASE_S = 60.0  # rewrites pages of the store
SWAP_S = 120.0  # every worker verifies and warms the model first

_RANKING = "/feedrank.v1.RankingService/"
_INGEST = "/feedrank.v1.IngestService/"
_PRIVACY = "/feedrank.v1.PrivacyService/"
_ADMIN = "/feedrank.v1.AdminService/"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """One call. `waits`: without a connection it waits for one until its deadline, instead of failing early."""

    path: str
    request: Message
    read: Callable[[bytes], T]
    timeout_s: float
    waits: bool = True


def rank(call: RankCall) -> Ask[Feed]:
    """Rank."""
    request = encode.rank(encode.identified(call))
    return Ask(_RANKING + "Rank", request, lambda b: decode.feed(pb.RankResponse.FromString(b)), RANK_S, waits=False)


def similar_items(item_id: str, limit: int, asked: RequestFilter, where: Context) -> Ask[tuple[SimilarItem, ...]]:
    """SimilarItems."""
    request = encode.similar(item_id, limit, asked, where)
    return Ask(
        _RANKING + "SimilarItems",
        request,
        lambda b: decode.similar(pb.SimilarItemsResponse.FromString(b)),
        RANK_S,
        waits=False,
    )


def debug(call: RankCall, item_id: str) -> Ask[tuple[StageTrace, ...]]:
    """Debug."""
    request = encode.debug(encode.identified(call), item_id)
    return Ask(_RANKING + "Debug", request, lambda b: decode.debug(pb.DebugResponse.FromString(b)), READ_S)


def upsert_items(items: Sequence[Item]) -> list[Ask[WriteResult]]:
    """UpsertItems, as often as it takes."""
    return _writes("UpsertItems", encode.items(items), lambda b: pb.UpsertItemsResponse.FromString(b).summary)


def delete_items(item_ids: Sequence[str]) -> list[Ask[WriteResult]]:
    """DeleteItems, as often as it takes."""
    return _writes("DeleteItems", encode.deletions(item_ids), lambda b: pb.DeleteItemsResponse.FromString(b).summary)


def upsert_users(users: Sequence[User]) -> list[Ask[WriteResult]]:
    """UpsertUsers, as often as it takes."""
    return _writes("UpsertUsers", encode.users(users), lambda b: pb.UpsertUsersResponse.FromString(b).summary)


def record_events(events: Sequence[Event]) -> list[Ask[WriteResult]]:
    """RecordEvents, as often as it takes."""
    return _writes("RecordEvents", encode.events(events), lambda b: pb.RecordEventsResponse.FromString(b).summary)


def _writes(
    method: str, batches: Iterable[encode.Batch], summary: Callable[[bytes], pb.WriteSummary]
) -> list[Ask[WriteResult]]:
    def ask(batch: encode.Batch) -> Ask[WriteResult]:
        return Ask(_INGEST + method, batch.request, lambda reply: decode.written(summary(reply), batch.start), WRITE_S)

    return [ask(batch) for batch in batches]


def erase_user(user_id: str) -> Ask[Erasure]:
    """EraseUser."""
    with encode.carried("user_id"):
        request = pb.EraseUserRequest(user_id=user_id)
    return Ask(_PRIVACY + "EraseUser", request, lambda b: decode.erasure(pb.EraseUserResponse.FromString(b)), ERASE_S)


def export_user(user_id: str) -> Ask[ExportedRow]:
    """ExportUser: `read` takes each message of the stream."""
    with encode.carried("user_id"):
        request = pb.ExportUserRequest(user_id=user_id)
    return Ask(
        _PRIVACY + "ExportUser", request, lambda b: decode.exported(pb.ExportUserResponse.FromString(b)), ERASE_S
    )


def set_personalization(user_id: str, value: Personalization) -> Ask[None]:
    """SetPersonalization."""
    return Ask(_PRIVACY + "SetPersonalization", encode.choice(user_id, value), lambda _: None, READ_S)


def list_models() -> Ask[tuple[ModelSummary, ...]]:
    """ListModels."""
    return Ask(
        _ADMIN + "ListModels",
        pb.ListModelsRequest(),
        lambda b: decode.models(pb.ListModelsResponse.FromString(b)),
        READ_S,
    )


def activate_model(model: str) -> Ask[Activation]:
    """ActivateModel."""
    with encode.carried("model"):
        request = pb.ActivateModelRequest(model=model)
    return Ask(
        _ADMIN + "ActivateModel", request, lambda b: decode.activation(pb.ActivateModelResponse.FromString(b)), SWAP_S
    )


def rollback_model(name: str) -> Ask[Activation]:
    """RollbackModel."""
    with encode.carried("name"):
        request = pb.RollbackModelRequest(name=name)
    return Ask(
        _ADMIN + "RollbackModel", request, lambda b: decode.activation(pb.RollbackModelResponse.FromString(b)), SWAP_S
    )


def status() -> Ask[Status]:
    """GetStatus."""
    request = pb.GetStatusRequest()
    return Ask(_ADMIN + "GetStatus", request, lambda b: decode.status(pb.GetStatusResponse.FromString(b)), READ_S)


def serving() -> Ask[bool]:
    """Whether the service says that it is SERVING."""
    answer = health_pb2.HealthCheckResponse
    return Ask(
        "/grpc.health.v1.Health/Check",
        health_pb2.HealthCheckRequest(),
        lambda b: answer.FromString(b).status == answer.SERVING,
        RANK_S,
        waits=False,
    )
