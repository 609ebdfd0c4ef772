"""The domain's words as protobuf requests, with the ids that make every call safe to repeat.

Large writes are cut into requests of a size the service takes. Knows nothing of channels, and refuses only what the
wire cannot carry: the service says what else is wrong with a request.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from feedrank.content import event_to_pb, item_to_pb, user_to_pb
from feedrank.errors import InvalidInput
from feedrank.pipeline.feed import RankCall
from feedrank.pipeline.stages import RequestFilter
from feedrank.types import SECOND, Context, Event, Item, Personalization, User
from feedrank.v1 import feedrank_pb2 as pb

MAX_MESSAGE_BYTES = 8 * 1024 * 1024  # what the service accepts
BATCH_BYTES = 6 * 1024 * 1024  # of elements in one write, which leaves room for their framing
BATCH_ELEMENTS = 1_000  # the service takes no more items, users or ids at once
BATCH_EVENTS = 5_000

D = TypeVar("D")
M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Batch:
    """One request of a larger write, and where its elements begin in the whole."""

    request: Message
    start: int


def identified(call: RankCall) -> RankCall:
    """The call with a request id, so that a retried call is the same call."""
    return call if call.request_id else replace(call, request_id=uuid.uuid4().hex)


def next_page(call: RankCall, token: str) -> RankCall:
    """The call for the page that `token` leads to: the same feed, a request of its own."""
    return identified(replace(call, page_token=token, request_id=""))


def dated(event: Event) -> Event:
    """The event with an id and a time, so that a retried event is the same event."""
    if event.event_id and event.time:
        return event
    return replace(event, event_id=event.event_id or uuid.uuid4().hex, time=event.time or time.time_ns() // 1000)


def rank(call: RankCall) -> pb.RankRequest:
    """A RankRequest."""
    with carried("the request"):
        return pb.RankRequest(
            user_id=call.user_id,
            limit=call.limit,
            surface=call.surface,
            context=context(call.context),
            candidate_ids=call.candidate_ids,
            filter=request_filter(call.filter),
            personalization=cast("pb.Personalization", int(call.personalization)),
            explain=call.explain,
            experiment_overrides=call.experiment_overrides,
            request_id=call.request_id,
            dry_run=call.dry_run,
            page_token=call.page_token,
        )


def debug(call: RankCall, item_id: str) -> pb.DebugRequest:
    """A DebugRequest."""
    with carried("item_id"):
        return pb.DebugRequest(request=rank(call), item_id=item_id)


def similar(item_id: str, limit: int, asked: RequestFilter, where: Context) -> pb.SimilarItemsRequest:
    """A SimilarItemsRequest."""
    with carried("the request"):
        return pb.SimilarItemsRequest(
            item_id=item_id, limit=limit, filter=request_filter(asked), context=context(where)
        )


def context(where: Context) -> pb.Context:
    """A Context message."""
    return pb.Context(
        language=where.language,
        country=where.country,
        region=where.region,
        device=where.device,
        session_id=where.session_id,
    )


def request_filter(asked: RequestFilter) -> pb.Filter:
    """A Filter message."""
    seconds, micros = divmod(asked.max_age, SECOND)
    return pb.Filter(
        include_categories=asked.include_categories,
        exclude_categories=asked.exclude_categories,
        languages=asked.languages,
        max_age=Duration(seconds=seconds, nanos=micros * 1000) if asked.max_age else None,
        exclude_item_ids=asked.exclude_item_ids,
        exclude_sources=asked.exclude_sources,
    )


def items(elements: Sequence[Item]) -> list[Batch]:
    """UpsertItems requests that hold all items, in order."""
    return _batches(elements, item_to_pb, lambda part: pb.UpsertItemsRequest(items=part), BATCH_ELEMENTS)


def users(elements: Sequence[User]) -> list[Batch]:
    """UpsertUsers requests that hold all users, in order."""
    return _batches(elements, user_to_pb, lambda part: pb.UpsertUsersRequest(users=part), BATCH_ELEMENTS)


def events(elements: Sequence[Event]) -> list[Batch]:
    """RecordEvents requests that hold all events, in order."""
    return _batches(
        elements,
        lambda event: event_to_pb(dated(event)),
        lambda part: pb.RecordEventsRequest(events=part),
        BATCH_EVENTS,
    )


def deletions(item_ids: Sequence[str]) -> list[Batch]:
    """DeleteItems requests that hold all ids, in order."""
    with carried("item_ids"):
        return [
            Batch(pb.DeleteItemsRequest(item_ids=item_ids[start : start + BATCH_ELEMENTS]), start)
            for start in range(0, len(item_ids), BATCH_ELEMENTS)
        ]


def choice(user_id: str, personalization: Personalization) -> pb.SetPersonalizationRequest:
    """A SetPersonalizationRequest."""
    with carried("user_id"):
        return pb.SetPersonalizationRequest(
            user_id=user_id, personalization=cast("pb.Personalization", int(personalization))
        )


def _batches(
    elements: Sequence[D], encode: Callable[[D], M], wrap: Callable[[list[M]], Message], most: int
) -> list[Batch]:
    """Fills each request up to `most` elements or `BATCH_BYTES`.

    All are made before the first is sent, so that an element which cannot be sent stops the whole write.
    """
    batches: list[Batch] = []
    part: list[M] = []
    start = size = 0
    for i, element in enumerate(elements):
        with carried(f"element {i}"):
            message = encode(element)
        bytes_ = message.ByteSize()
        if bytes_ > MAX_MESSAGE_BYTES - 1024:
            raise InvalidInput(f"element {i} is {bytes_} bytes long; a request holds at most {MAX_MESSAGE_BYTES}")
        if part and (len(part) == most or size + bytes_ > BATCH_BYTES):
            batches.append(Batch(wrap(part), start))
            part, start, size = [], i, 0
        part.append(message)
        size += bytes_
    if part:
        batches.append(Batch(wrap(part), start))
    return batches


@contextmanager
def carried(what: str) -> Iterator[None]:
    """Text that is not Unicode and numbers too wide for their field cannot reach the service: they are refused here."""
    try:
        yield
    except ValueError as error:
        raise InvalidInput(f"{what} cannot be sent: {error}") from error
