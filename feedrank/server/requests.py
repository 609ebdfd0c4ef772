"""Requests as they come off the wire, turned into the domain's words and held to their limits.

Elements of a batch are refused one by one and the rest goes on; any other fault raises InvalidInput naming the field,
the value and the bound. What an item, a user or an event may hold is `feedrank.limits`' to say, and the store asks it.
Knows nothing of ranking or storage.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from feedrank.content import event_from_pb, item_from_pb, user_from_pb
from feedrank.errors import InvalidInput
from feedrank.limits import MAX_ID_BYTES, shown, text_fault
from feedrank.pipeline.feed import RankCall
from feedrank.pipeline.paging import MAX_TOKEN
from feedrank.pipeline.stages import RequestFilter
from feedrank.types import (
    DAY,
    SECOND,
    Context,
    Event,
    Item,
    Micros,
    Personalization,
    Rejection,
    User,
    UserId,
    WriteResult,
)
from feedrank.v1 import feedrank_pb2 as pb

DEFAULT_LIMIT = 20
MAX_LIMIT = 200
MAX_CANDIDATES = 2_000
MAX_EXCLUDED_ITEMS = 2_000
MAX_FILTER_VALUES = 500
MAX_OVERRIDES = 50  # experiments one request may pin
MAX_ITEMS = 1_000  # elements of one batch
MAX_EVENTS = 5_000
MAX_AGE: Micros = 100 * 365 * DAY  # of max_age: beyond every publication
_MAX_NANOS = 999_999_999  # of a Timestamp or Duration

M = TypeVar("M")
D = TypeVar("D")


def rank_call(request: pb.RankRequest, within: str = "") -> RankCall:
    """The call a RankRequest makes. `within` prefixes field names in errors ("request." inside a DebugRequest)."""
    return RankCall(
        user_id=_text(f"{within}user_id", request.user_id),
        limit=_limit(f"{within}limit", request.limit if request.HasField("limit") else None),
        surface=_text(f"{within}surface", request.surface),
        context=context(request.context, within),
        candidate_ids=_texts(f"{within}candidate_ids", request.candidate_ids, MAX_CANDIDATES),
        filter=request_filter(request.filter, within),
        personalization=_personalization(f"{within}personalization", request.personalization),
        explain=request.explain,
        experiment_overrides=_overrides(f"{within}experiment_overrides", request.experiment_overrides),
        request_id=_text(f"{within}request_id", request.request_id),
        dry_run=request.dry_run,
        page_token=_text(f"{within}page_token", request.page_token, MAX_TOKEN),
    )


def similar_call(request: pb.SimilarItemsRequest) -> tuple[str, int, RequestFilter, Context]:
    """item_id, limit, filter and context of a SimilarItemsRequest."""
    return (
        _text("item_id", request.item_id, required=True),
        _limit("limit", request.limit if request.HasField("limit") else None),
        request_filter(request.filter),
        context(request.context),
    )


def debug_call(request: pb.DebugRequest) -> tuple[RankCall, str]:
    """The call to trace, and the item to trace in it."""
    return rank_call(request.request, "request."), _text("item_id", request.item_id, required=True)


def context(message: pb.Context, within: str = "") -> Context:
    """Where and how a request is made."""
    names = ("language", "country", "region", "device", "session_id")
    values = (message.language, message.country, message.region, message.device, message.session_id)
    return Context(*(_text(f"{within}context.{name}", value) for name, value in zip(names, values, strict=True)))


def request_filter(message: pb.Filter, within: str = "") -> RequestFilter:
    """What the caller asks to leave out."""
    at = f"{within}filter."
    return RequestFilter(
        include_categories=_texts(f"{at}include_categories", message.include_categories, MAX_FILTER_VALUES),
        exclude_categories=_texts(f"{at}exclude_categories", message.exclude_categories, MAX_FILTER_VALUES),
        languages=_texts(f"{at}languages", message.languages, MAX_FILTER_VALUES),
        max_age=_duration(f"{at}max_age", message.max_age) if message.HasField("max_age") else 0,
        exclude_item_ids=_texts(f"{at}exclude_item_ids", message.exclude_item_ids, MAX_EXCLUDED_ITEMS),
        exclude_sources=_texts(f"{at}exclude_sources", message.exclude_sources, MAX_FILTER_VALUES),
    )


def user_id(value: str) -> UserId:
    """A user id that must be there."""
    return UserId(_text("user_id", value, required=True))


def choice(value: int) -> Personalization:
    """A user's choice: ON or OFF."""
    chosen = _personalization("personalization", value)
    if chosen is Personalization.UNSPECIFIED:
        raise InvalidInput("personalization is unspecified; send PERSONALIZATION_ON or PERSONALIZATION_OFF")
    return chosen


def name(field: str, value: str) -> str:
    """The name of a model or of a version of one, which must be there."""
    return _text(field, value, required=True)


def write_items(messages: Sequence[pb.Item], write: Callable[[list[Item]], WriteResult]) -> WriteResult:
    """Writes the items of a batch that can be read, and says what became of each."""
    stamps = ("published_at", "expires_at", "updated_at")
    return _write("items", messages, MAX_ITEMS, lambda m: _item_stamps_fault(m, stamps), item_from_pb, write)


def write_events(messages: Sequence[pb.Event], write: Callable[[list[Event]], WriteResult]) -> WriteResult:
    """Writes the events of a batch that can be read, and says what became of each."""
    return _write("events", messages, MAX_EVENTS, lambda m: _stamp_fault("time", m.time), event_from_pb, write)


def write_users(messages: Sequence[pb.User], write: Callable[[list[User]], WriteResult]) -> WriteResult:
    """Writes the users of a batch, and says what became of each."""
    return _write("users", messages, MAX_ITEMS, lambda _: None, user_from_pb, write)


def write_ids(item_ids: Sequence[str], write: Callable[[list[str]], WriteResult]) -> WriteResult:
    """Deletes the items of a batch, and says what became of each."""
    return _write("item_ids", item_ids, MAX_ITEMS, lambda i: text_fault("item_id", i, MAX_ID_BYTES, True), str, write)


def _write(
    field: str,
    messages: Sequence[M],
    most: int,
    fault_of: Callable[[M], str | None],
    convert: Callable[[M], D],
    write: Callable[[list[D]], WriteResult],
) -> WriteResult:
    """Writes what converts; the indices in the result are those of the batch as it was sent."""
    if len(messages) > most:
        raise InvalidInput(f"{field} holds {len(messages)} elements; at most {most} in one call")
    refused: list[Rejection] = []
    kept: list[D] = []
    places: list[int] = []
    for i, message in enumerate(messages):
        fault = fault_of(message)
        if fault is not None:
            refused.append(Rejection(i, fault))
        else:
            kept.append(convert(message))
            places.append(i)
    result = write(kept) if kept else WriteResult()
    refused.extend(Rejection(places[r.index], r.reason) for r in result.rejected)
    return WriteResult(result.accepted, result.duplicates, tuple(sorted(refused, key=lambda r: r.index)))


def _item_stamps_fault(message: pb.Item, fields: Sequence[str]) -> str | None:
    for field, stamp in zip(fields, (message.published_at, message.expires_at, message.updated_at), strict=True):
        fault = _stamp_fault(field, stamp)
        if fault is not None:
            return fault
    return None


def _stamp_fault(field: str, stamp: Timestamp) -> str | None:
    """A Timestamp's nanos count forward from its seconds; anything else would silently shift the time."""
    if not 0 <= stamp.nanos <= _MAX_NANOS:
        return f"{field}.nanos {stamp.nanos} lies outside 0..{_MAX_NANOS}"
    return None


def _limit(field: str, value: int | None) -> int:
    if value is None:
        return DEFAULT_LIMIT
    if not 1 <= value <= MAX_LIMIT:
        raise InvalidInput(f"{field} {value} lies outside 1..{MAX_LIMIT}; leave it out for {DEFAULT_LIMIT}")
    return value


def _text(field: str, value: str, most_bytes: int = MAX_ID_BYTES, required: bool = False) -> str:
    fault = text_fault(field, value, most_bytes, required)
    if fault is not None:
        raise InvalidInput(fault)
    return value


def _texts(field: str, values: Sequence[str], many: int) -> tuple[str, ...]:
    if len(values) > many:
        raise InvalidInput(f"{field} holds {len(values)} values; at most {many}")
    return tuple(_text(f"{field}[{i}]", value, required=True) for i, value in enumerate(values))


def _overrides(field: str, overrides: Mapping[str, str]) -> dict[str, str]:
    if len(overrides) > MAX_OVERRIDES:
        raise InvalidInput(f"{field} holds {len(overrides)} entries; at most {MAX_OVERRIDES}")
    return {
        _text(f"a key of {field}", key, required=True): _text(f"{field}[{shown(key)}]", value, required=True)
        for key, value in overrides.items()
    }


def _personalization(field: str, value: Any) -> Personalization:
    if value not in tuple(Personalization):
        raise InvalidInput(f"{field} {value} is unknown; send 0, 1 (ON) or 2 (OFF)")
    return Personalization(value)


def _duration(field: str, message: Duration) -> Micros:
    if not -_MAX_NANOS <= message.nanos <= _MAX_NANOS or message.seconds * message.nanos < 0:
        raise InvalidInput(f"{field} is no valid Duration: {message.seconds} s and {message.nanos} ns")
    micros = message.seconds * SECOND + message.nanos // 1000
    if not 0 < micros <= MAX_AGE:
        raise InvalidInput(
            f"{field} {micros / SECOND:g} s lies outside 0.000001 s..100 years; leave it out for any age"
        )
    return micros
