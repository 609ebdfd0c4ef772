"""What feedrank asks of a store: one durable log, a user's records by key, vectors by item, slates, and coordination.

Every implementation passes tests/contracts/test_store.py. Knows nothing of the fold, of features or of transport.
Every `append_*` and every other write returns after the facts are on disk, counts each fact once however often it is
sent, and is atomic: all accepted elements of a batch land, or none. Methods may be called from any thread.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from feedrank.records import Kind, Record
from feedrank.types import F32, Event, Item, Micros, Personalization, Row, User, UserId, WriteResult
from feedrank.user_records import UserRecord


@dataclass(frozen=True, slots=True)
class HistoryCursor:
    """Opaque to callers: a point before which a user's records count. Made by `at_position` and `before_time` only."""

    offset: int
    time: Micros

    @classmethod
    def at_position(cls, position: int) -> "HistoryCursor":
        """Everything up to and including log offset `position`."""
        return cls(position, 2**62)

    @classmethod
    def before_time(cls, time: Micros) -> "HistoryCursor":
        """Everything whose fold time is strictly before `time`."""
        return cls(2**62, time)


@dataclass(frozen=True, slots=True)
class UserHistory:
    """A user's bounded records, in (time, offset) order, and the log offset they were read at."""

    records: tuple[UserRecord, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Account:
    """What is kept of a user besides behaviour."""

    user: User | None = None
    personalization: Personalization = Personalization.UNSPECIFIED


@dataclass(frozen=True, slots=True)
class NewVector:
    """A vector about to land. `content_hash` ties it to the text it was made from."""

    row: Row
    item_id: str
    content_hash: bytes
    values: F32  # (d,) float32, unit length
    story_row: Row


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """Vectors of one space in landing order; the latest of a row is the one in force."""

    rows: Sequence[Row]
    offsets: Sequence[int]  # of the landing records
    values: F32  # (n, d) float32, decoded from float16


@dataclass(frozen=True, slots=True)
class StoredSlate:
    """A slate body as it was served: the protobuf of feedrank.v1.Slate."""

    request_id: str
    user_id: str
    time: Micros
    body: bytes


@dataclass(frozen=True, slots=True)
class Erasure:
    """What EraseUser did. Erasing an unknown or already erased user gives zero records and the same receipt."""

    records_erased: int
    receipt: str
    complete_by: Micros


@dataclass(frozen=True, slots=True)
class ExportedRow:
    """One stored fact about a user, as JSON for people."""

    kind: str
    time: Micros
    json: str


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker's last heartbeat."""

    worker_id: str
    pid: int
    position: int
    model_version: str
    beat_at: Micros
    details: Mapping[str, str] = field(default_factory=dict)


class LogStore(Protocol):
    """One durable log and what is kept by key beside it."""

    # Facts in. `received_at` is the server's clock; None marks an import, whose records are received at their own time.
    def append_items(self, items: Sequence[Item], received_at: Micros | None) -> WriteResult: ...
    def delete_items(self, item_ids: Sequence[str], received_at: Micros | None) -> WriteResult: ...
    def append_users(self, users: Sequence[User], received_at: Micros) -> WriteResult: ...
    def append_events(self, events: Sequence[Event], received_at: Micros | None) -> WriteResult: ...
    def land_vectors(self, space: str, vectors: Sequence[NewVector], received_at: Micros) -> int: ...
    def land_learned(self, space: str, vectors: Sequence[NewVector], fitted_at: Micros) -> int: ...
    def land_query_vector(self, user_id: UserId, space: str, search_offset: int, values: F32, at: Micros) -> bool: ...
    def append_control(self, kind: Kind, payload: bytes, received_at: Micros) -> int: ...

    # Facts out.
    def position(self) -> int: ...
    def read(self, after: int, limit: int) -> list[Record]: ...
    def wait(self, after: int, timeout_s: float) -> bool: ...
    def user_history(self, user_id: UserId, before: HistoryCursor | None = None) -> UserHistory: ...
    def account(self, user_id: UserId) -> Account: ...
    def rows_of(self, item_ids: Sequence[str]) -> list[Row | None]: ...
    def ids_of(self, rows: Sequence[Row]) -> list[str]: ...
    def items(self, rows: Sequence[Row]) -> list[Item | None]: ...
    def vectors(self, space: str, after_offset: int = 0) -> StoredVectors: ...
    def vector(self, space: str, item_id: str, content_hash: bytes) -> F32 | None: ...

    # Privacy.
    def erase_user(self, user_id: UserId, now: Micros) -> Erasure: ...
    def export_user(self, user_id: UserId) -> Iterator[ExportedRow]: ...
    def set_personalization(self, user_id: UserId, value: Personalization, received_at: Micros) -> None: ...

    # Slates: bodies with their own retention.
    def append_slates(self, slates: Sequence[StoredSlate]) -> int: ...
    def slates(self, start: Micros, until: Micros) -> Iterator[StoredSlate]: ...
    def prune(self, now: Micros) -> int: ...

    # Coordination between processes, and settings of the data directory.
    def acquire_lease(self, name: str, holder: str, now: Micros, ttl: Micros) -> bool: ...
    def release_lease(self, name: str, holder: str) -> None: ...
    def heartbeat(self, status: WorkerStatus) -> None: ...
    def workers(self, alive_since: Micros) -> list[WorkerStatus]: ...
    def get_setting(self, name: str) -> str | None: ...
    def set_setting(self, name: str, value: str) -> None: ...
    def close(self) -> None: ...
