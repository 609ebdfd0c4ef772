"""Domain records to and from their protobuf messages, and the hash of the text an encoder reads.

Times are UTC microseconds inside and Timestamps in messages; 0 and an absent Timestamp are the same. Knows nothing of
storage, of transport, or of validity: what comes in has passed `limits`, what comes out is for `limits` to judge.
"""

import hashlib
from typing import cast

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from feedrank.types import SECOND, Action, Event, Item, ItemId, Micros, User, UserId
from feedrank.v1 import feedrank_pb2 as pb

CONTENT_HASH_BYTES = 16
_ACTIONS = {int(action): action for action in Action}


def content_hash(item: Item) -> bytes:
    """16 bytes that change exactly when the text the encoder reads does: BLAKE2b of title, newline, body."""
    text = f"{item.title}\n{item.body}"
    return hashlib.blake2b(text.encode(), digest_size=CONTENT_HASH_BYTES).digest()


def to_timestamp(time: Micros) -> Timestamp:
    """A Timestamp of UTC microseconds."""
    seconds, micros = divmod(time, SECOND)
    return Timestamp(seconds=seconds, nanos=micros * 1000)


def from_timestamp(stamp: Timestamp) -> Micros:
    """UTC microseconds of a Timestamp, finer parts cut; 0 for an unset one."""
    return stamp.seconds * SECOND + stamp.nanos // 1000


def item_to_pb(item: Item) -> pb.Item:
    """The message of an item, vectors included."""
    return pb.Item(
        item_id=item.item_id,
        title=item.title,
        body=item.body,
        category=item.category,
        subcategory=item.subcategory,
        language=item.language,
        source=item.source,
        author=item.author,
        tags=item.tags,
        regions=item.regions,
        published_at=to_timestamp(item.published_at) if item.published_at else None,
        expires_at=to_timestamp(item.expires_at) if item.expires_at else None,
        updated_at=to_timestamp(item.updated_at) if item.updated_at else None,
        attributes=item.attributes,
        vectors={space: pb.Vector(values=values.tolist()) for space, values in item.vectors.items()},
    )


def item_from_pb(message: pb.Item) -> Item:
    """The item of a message; vectors as (d,) float32."""
    return Item(
        item_id=ItemId(message.item_id),
        title=message.title,
        body=message.body,
        category=message.category,
        subcategory=message.subcategory,
        language=message.language,
        source=message.source,
        author=message.author,
        tags=tuple(message.tags),
        regions=tuple(message.regions),
        published_at=from_timestamp(message.published_at),
        expires_at=from_timestamp(message.expires_at),
        updated_at=from_timestamp(message.updated_at),
        attributes=dict(message.attributes),
        vectors={space: np.array(vector.values, dtype=np.float32) for space, vector in message.vectors.items()},
    )


def user_to_pb(user: User) -> pb.User:
    """The message of a user."""
    return pb.User(
        user_id=user.user_id,
        language=user.language,
        country=user.country,
        region=user.region,
        attributes=user.attributes,
    )


def user_from_pb(message: pb.User) -> User:
    """The user of a message."""
    return User(
        user_id=UserId(message.user_id),
        language=message.language,
        country=message.country,
        region=message.region,
        attributes=dict(message.attributes),
    )


def event_to_pb(event: Event) -> pb.Event:
    """The message of an event."""
    return pb.Event(
        event_id=event.event_id,
        user_id=event.user_id,
        time=to_timestamp(event.time),
        item_id=event.item_id,
        action=cast("pb.Action", event.action),
        value=event.value,
        request_id=event.request_id,
        position=event.position,
        query=event.query,
        target=event.target,
        session_id=event.session_id,
        item_ids=event.item_ids,
        surface=event.surface,
    )


def event_from_pb(message: pb.Event) -> Event:
    """The event of a message. An action this version does not know stays a bare number, for `limits` to refuse."""
    return Event(
        event_id=message.event_id,
        user_id=UserId(message.user_id),
        time=from_timestamp(message.time),
        action=_ACTIONS.get(message.action, cast(Action, message.action)),
        item_id=message.item_id,
        value=message.value if message.HasField("value") else None,
        request_id=message.request_id,
        position=message.position if message.HasField("position") else None,
        query=message.query,
        target=message.target,
        session_id=message.session_id,
        item_ids=tuple(message.item_ids),
        surface=message.surface,
    )
