"""Log records: the envelope, the facts they carry, and their protobuf payloads.

A `Record` is {kind, schema version, protobuf payload} with its place and times; `decode` turns it into the one fact
class of its kind, and None for a kind this version does not know. Knows nothing of where records are kept or what is
made of them.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from feedrank.types import F32, Action, Micros, Personalization, Row, UserId
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import log_pb2 as log

SCHEMA_VERSION = 1


class Kind(IntEnum):
    """What a record says. Numbers are on disk: never reused."""

    ITEM_UPSERTED = 1
    ITEM_DELETED = 2
    VECTOR_LANDED = 3
    EVENT = 4
    USER_UPSERTED = 5
    PERSONALIZATION_SET = 6
    USER_ERASED = 7
    MODEL_ACTIVATED = 8
    RULES_CHANGED = 9
    EXPERIMENTS_CHANGED = 10
    QUERY_EMBEDDED = 11


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the log. `offset` is never reused; `received_at` of an imported record equals its `time`."""

    offset: int
    kind: int
    version: int
    time: Micros  # the client's
    received_at: Micros  # the server's
    imported: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Fact:
    """What every decoded record knows. `time` is the fold time: the earlier of the record's two times."""

    offset: int
    time: Micros
    received_at: Micros
    imported: bool

    def visible_at(self, counter_delay: Micros) -> Micros:
        """When item state may know of it: `received_at` if recorded live, `time + counter_delay` if imported."""
        return self.time + counter_delay if self.imported else self.received_at


@dataclass(frozen=True, slots=True)
class ItemUpserted(Fact):
    row: Row
    item: pb.Item
    content_hash: bytes


@dataclass(frozen=True, slots=True)
class ItemDeleted(Fact):
    row: Row
    item_id: str


@dataclass(frozen=True, slots=True)
class VectorLanded(Fact):
    row: Row
    item_id: str
    space: str
    content_hash: bytes
    values: F32  # (d,) float32, decoded from float16
    story_row: Row


@dataclass(frozen=True, slots=True)
class EventRecorded(Fact):
    action: Action
    rows: tuple[Row, ...]  # of item_id, or of item_ids in order
    previous: tuple[Row, ...]  # the user's previous distinct engaged items, newest first
    value: float  # NaN when absent
    answers_view: bool
    late_clicks: tuple[tuple[Row, Micros], ...]
    region: str
    event: pb.Event


@dataclass(frozen=True, slots=True)
class UserUpserted(Fact):
    user: pb.User


@dataclass(frozen=True, slots=True)
class PersonalizationSet(Fact):
    user_id: UserId
    personalization: Personalization


@dataclass(frozen=True, slots=True)
class UserErased(Fact):
    user_hash: bytes


@dataclass(frozen=True, slots=True)
class ModelActivated(Fact):
    name: str
    version: str
    previous_version: str
    reason: str


@dataclass(frozen=True, slots=True)
class RulesChanged(Fact):
    toml: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class ExperimentsChanged(Fact):
    toml: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class QueryEmbedded(Fact):
    user_id: UserId
    space: str
    search_offset: int
    values: F32  # (d,) float32, decoded from float16


def pack_vector(values: F32) -> bytes:
    """Stores a vector as little-endian float16; the form every reader computes from."""
    return np.ascontiguousarray(values, dtype="<f2").tobytes()


def unpack_vector(data: bytes) -> F32:
    """The float32 values of a stored vector, shape (d,)."""
    return np.frombuffer(data, dtype="<f2").astype(np.float32)


def decode(record: Record) -> Fact | None:
    """The fact a record states, or None for a kind this version does not know."""
    offset, received_at, imported = record.offset, record.received_at, record.imported
    time = min(record.time, received_at)
    at = (offset, time, received_at, imported)
    kind = record.kind
    if kind == Kind.EVENT:
        e = log.EventRecorded.FromString(record.payload)
        event = e.event
        return EventRecorded(
            *at,
            Action(event.action),
            tuple(e.rows),
            tuple(e.previous_rows),
            event.value if event.HasField("value") else float("nan"),
            e.answers_view,
            tuple((c.row, c.time_us) for c in e.late_clicks) if e.late_clicks else (),
            e.region,
            event,
        )
    if kind == Kind.ITEM_UPSERTED:
        u = log.ItemUpserted.FromString(record.payload)
        return ItemUpserted(*at, u.row, u.item, u.content_hash)
    if kind == Kind.ITEM_DELETED:
        d = log.ItemDeleted.FromString(record.payload)
        return ItemDeleted(*at, d.row, d.item_id)
    if kind == Kind.VECTOR_LANDED:
        v = log.VectorLanded.FromString(record.payload)
        return VectorLanded(*at, v.row, v.item_id, v.space, v.content_hash, unpack_vector(v.values), v.story_row)
    return _decode_rare(record, at)


def _decode_rare(record: Record, at: tuple[int, Micros, Micros, bool]) -> Fact | None:
    kind, payload = record.kind, record.payload
    if kind == Kind.USER_UPSERTED:
        return UserUpserted(*at, log.UserUpserted.FromString(payload).user)
    if kind == Kind.PERSONALIZATION_SET:
        p = log.PersonalizationSet.FromString(payload)
        return PersonalizationSet(*at, UserId(p.user_id), Personalization(p.personalization))
    if kind == Kind.USER_ERASED:
        return UserErased(*at, log.UserErased.FromString(payload).user_hash)
    if kind == Kind.MODEL_ACTIVATED:
        m = log.ModelActivated.FromString(payload)
        return ModelActivated(*at, m.name, m.version, m.previous_version, m.reason)
    if kind == Kind.RULES_CHANGED:
        r = log.RulesChanged.FromString(payload)
        return RulesChanged(*at, r.toml, r.hash)
    if kind == Kind.EXPERIMENTS_CHANGED:
        x = log.ExperimentsChanged.FromString(payload)
        return ExperimentsChanged(*at, x.toml, x.hash)
    if kind == Kind.QUERY_EMBEDDED:
        q = log.QueryEmbedded.FromString(payload)
        return QueryEmbedded(*at, UserId(q.user_id), q.space, q.search_offset, unpack_vector(q.values))
    return None
