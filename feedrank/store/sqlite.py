"""The embedded store: `LogStore` on one SQLite file in WAL mode, safe with several processes on it.

Each method checks what it was given, then runs one function of a sibling module inside a transaction: writes through
the group commit of `writer`, reads on a pooled connection. Knows nothing of the fold, of features or of transport.
"""

import logging
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from feedrank.errors import InvalidInput, StoreError
from feedrank.limits import MAX_ID_BYTES, text_fault
from feedrank.records import Kind, Record
from feedrank.settings import Settings
from feedrank.store import (
    coordination,
    events,
    item_rows,
    items,
    log_table,
    privacy,
    queries,
    retention,
    schema,
    slates,
    user_reads,
    users,
    vectors,
)
from feedrank.store.connections import FILE_NAME, ReaderPool, open_writer
from feedrank.store.keys import Keys
from feedrank.store.protocol import (
    Account,
    Erasure,
    ExportedRow,
    HistoryCursor,
    NewVector,
    StoredSlate,
    StoredVectors,
    UserHistory,
    WorkerStatus,
)
from feedrank.store.writer import GroupCommitWriter
from feedrank.types import F32, Courtesy, Event, Item, Micros, Personalization, Row, User, UserId, WriteResult, no_pause

logger = logging.getLogger(__name__)

CONTROL_KINDS = frozenset((Kind.MODEL_ACTIVATED, Kind.RULES_CHANGED, Kind.EXPERIMENTS_CHANGED))
_POLL_S = 0.004  # how soon `wait` sees another process's commit; its own process's commits wake it at once
_PAGE = 200  # rows a stream reads at a time, so that no snapshot is held while its consumer works


class SqliteStore:
    """A `LogStore` in `data_dir`. Make one per process with `open`; its methods may be called from any thread."""

    def __init__(
        self, path: Path, settings: Settings, writer: GroupCommitWriter, keys: Keys, courtesy: Courtesy
    ) -> None:
        self._path = path
        self._courtesy = courtesy
        self._settings = settings
        self._writer = writer
        self._keys = keys
        self._readers = ReaderPool(path)

    @classmethod
    def open(cls, data_dir: Path, settings: Settings, courtesy: Courtesy = lambda: no_pause) -> "SqliteStore":
        """Opens the store in `data_dir`, making both where they are missing. Batches of events pause by `courtesy`.

        Raises StoreTooNew for a store of a newer feedrank, StoreError for a file that cannot be used; both name the
        path.
        """
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{data_dir}: cannot be made a data directory: {error.strerror}.") from error
        path = data_dir / FILE_NAME
        writer = GroupCommitWriter(open_writer(path), path)
        try:
            secret = writer.write(lambda conn: schema.ensure(conn, path))
        except StoreError:
            writer.close()
            raise
        return cls(path, settings, writer, Keys(secret), courtesy)

    def close(self) -> None:
        """Finishes running writes and closes the file. Closing twice is fine; any other call raises StoreError."""
        self._writer.close()
        self._readers.close()

    # Facts in.

    def append_items(self, items_in: Sequence[Item], received_at: Micros | None) -> WriteResult:
        """Upserts items. Their vectors land as records of their own, at unit length."""
        batch = items.prepare(items_in, received_at, self._settings)
        return self._writer.write(lambda conn: items.append(conn, batch, received_at))

    def delete_items(self, item_ids: Sequence[str], received_at: Micros | None) -> WriteResult:
        """Takes items out of the catalog. An id the log never named is rejected."""
        return self._writer.write(lambda conn: items.delete(conn, item_ids, received_at))

    def append_users(self, users_in: Sequence[User], received_at: Micros) -> WriteResult:
        """Replaces what is kept of users."""
        return self._writer.write(lambda conn: users.append(conn, self._keys, users_in, received_at))

    def append_events(self, events_in: Sequence[Event], received_at: Micros | None) -> WriteResult:
        """Records events, each once per user and event id within the horizon."""
        pause, horizon = self._courtesy(), self._settings.event_id_horizon_days
        batch = events.prepare(events_in, received_at, self._settings, self._keys, pause)

        def append(conn: sqlite3.Connection) -> WriteResult:
            return events.EventAppend(conn, self._keys, batch, received_at, horizon, pause).run()

        return self._writer.write(append)

    def land_vectors(self, space: str, vectors_in: Sequence[NewVector], received_at: Micros) -> int:
        """Lands an encoder's vectors; returns how many were new. If one is unfit, raises InvalidInput."""
        return self._writer.write(lambda conn: vectors.land(conn, space, vectors_in, received_at))

    def land_learned(self, space: str, vectors_in: Sequence[NewVector], fitted_at: Micros) -> int:
        """Lands vectors learned from what came strictly before `fitted_at`, as imports of that instant; returns how
        many were new. If one is unfit, raises InvalidInput.
        """
        return self._writer.write(lambda conn: vectors.land_learned(conn, space, vectors_in, fitted_at))

    def land_query_vector(self, user_id: UserId, space: str, search_offset: int, values: F32, at: Micros) -> bool:
        """Lands a search's vector; False where the search is gone or already has one, or the user opted out."""
        return self._writer.write(
            lambda conn: queries.land(conn, self._keys, user_id, space, search_offset, values, at)
        )

    def append_control(self, kind: Kind, payload: bytes, received_at: Micros) -> int:
        """Appends a model, rules or experiments record; returns its offset."""
        if kind not in CONTROL_KINDS:
            raise InvalidInput(f"kind {kind!r} is not a control record; send one of {sorted(CONTROL_KINDS)}")

        def append(conn: sqlite3.Connection) -> int:
            appender = log_table.LogAppender(conn, received_at)
            offset = appender.add(kind, appender.received_at(received_at), payload)
            appender.flush()
            return offset

        return self._writer.write(append)

    # Facts out.

    def position(self) -> int:
        """The last offset given out; 0 for an empty log."""
        with self._readers.connection() as conn:
            return log_table.position(conn)

    def read(self, after: int, limit: int) -> list[Record]:
        """Up to `limit` records behind offset `after`, in order."""
        with self._readers.connection() as conn:
            return log_table.read(conn, after, limit)

    def wait(self, after: int, timeout_s: float) -> bool:
        """Waits until the log goes beyond `after`, whichever process writes; False if it has not by then."""
        deadline = time.monotonic() + timeout_s
        version: int | None = None
        with self._readers.connection() as conn:
            while True:
                commits = self._writer.commits
                (seen,) = conn.execute(
                    "PRAGMA data_version"
                ).fetchone()  # changes with every commit of another connection
                if seen != version:
                    version = seen
                    if log_table.position(conn) > after:
                        return True
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._writer.wait_commit(commits, min(left, _POLL_S))

    def user_history(self, user_id: UserId, before: HistoryCursor | None = None) -> UserHistory:
        """A user's newest records of each lane, bounded, and the log offset they were read at."""
        with self._readers.snapshot() as conn:
            return user_reads.user_history(conn, users.number_of(conn, self._keys, user_id), before)

    def account(self, user_id: UserId) -> Account:
        """What is kept of a user besides behaviour."""
        with self._readers.snapshot() as conn:
            return users.account(conn, self._keys, user_id)

    def rows_of(self, item_ids: Sequence[str]) -> list[Row | None]:
        """The row of each item, None for one the log never named."""
        with self._readers.connection() as conn:
            return item_rows.rows_of(conn, item_ids)

    def ids_of(self, rows: Sequence[Row]) -> list[str]:
        """The item id of each row. A row never given out raises InvalidInput."""
        with self._readers.connection() as conn:
            return item_rows.ids_of(conn, rows)

    def items(self, rows: Sequence[Row]) -> list[Item | None]:
        """Each row's item as last upserted, without vectors; None where it was deleted or never upserted."""
        with self._readers.connection() as conn:
            return item_rows.items(conn, rows)

    def vectors(self, space: str, after_offset: int = 0) -> StoredVectors:
        """A space's vectors that landed behind `after_offset`, superseded ones included, in landing order."""
        with self._readers.connection() as conn:
            return vectors.read_space(conn, space, after_offset)

    def vector(self, space: str, item_id: str, content_hash: bytes) -> F32 | None:
        """The vector of an item's text in a space, shape (d,) float32; None if none has landed."""
        with self._readers.connection() as conn:
            return vectors.read_one(conn, space, item_id, content_hash)

    # Privacy.

    def erase_user(self, user_id: UserId, now: Micros) -> Erasure:
        """Deletes every row of a user, also from the WAL, and refuses the user's older records from now on."""
        _check_user(user_id)
        erasure = self._writer.write(lambda conn: privacy.erase(conn, self._keys, user_id, now))
        if not self._writer.run_alone(retention.truncate_wal):
            logger.warning("the WAL could not be emptied after an erasure: a reader was in the way; prune tries again")
        return erasure

    def export_user(self, user_id: UserId) -> Iterator[ExportedRow]:
        """Everything stored about a user, records in log order, then slates. What is erased meanwhile is left out."""
        _check_user(user_id)
        with self._readers.snapshot() as conn:
            offsets, numbers = privacy.exported_offsets(conn, self._keys, user_id)
        for begin in range(0, len(offsets), _PAGE):
            with self._readers.connection() as conn:
                rows = privacy.exported_records(conn, offsets[begin : begin + _PAGE])
            yield from rows
        for begin in range(0, len(numbers), _PAGE):
            with self._readers.connection() as conn:
                rows = privacy.exported_slates(conn, numbers[begin : begin + _PAGE])
            yield from rows

    def set_personalization(self, user_id: UserId, value: Personalization, received_at: Micros) -> None:
        """Records a user's choice, ON or OFF. It survives erasure when it is OFF."""
        _check_user(user_id)
        if value not in (Personalization.ON, Personalization.OFF):
            raise InvalidInput(f"personalization {int(value)} must be ON (1) or OFF (2)")
        self._writer.write(lambda conn: privacy.set_personalization(conn, self._keys, user_id, value, received_at))

    # Slates.

    def append_slates(self, slates_in: Sequence[StoredSlate]) -> int:
        """Keeps what was served; returns how many were new: a (user, request_id) within 10 minutes is one slate."""
        return self._writer.write(lambda conn: slates.append(conn, self._keys, slates_in))

    def slates(self, start: Micros, until: Micros) -> Iterator[StoredSlate]:
        """Slates served in [start, until), in order of time."""
        after = (start, -1)
        while True:
            with self._readers.connection() as conn:
                page = slates.page(conn, after, until, _PAGE)
            for _, slate in page:
                yield slate
            if len(page) < _PAGE:
                return
            number, last = page[-1]
            after = (last.time, number)

    def prune(self, now: Micros) -> int:
        """Removes slates and events past their retention; returns how many. After erasures the file is rewritten."""
        return retention.prune(self._writer, self._keys, self._settings, now)

    # Coordination between processes, and settings of the data directory.

    def acquire_lease(self, name: str, holder: str, now: Micros, ttl: Micros) -> bool:
        """Takes or renews a lease until now + ttl; False while another holder's has not run out."""
        return self._writer.write(lambda conn: coordination.acquire_lease(conn, name, holder, now, ttl))

    def release_lease(self, name: str, holder: str) -> None:
        """Gives a lease up; nothing happens if another holds it."""
        self._writer.write(lambda conn: coordination.release_lease(conn, name, holder))

    def heartbeat(self, status: WorkerStatus) -> None:
        """Replaces a worker's last heartbeat."""
        self._writer.write(lambda conn: coordination.heartbeat(conn, status))

    def workers(self, alive_since: Micros) -> list[WorkerStatus]:
        """Workers whose last heartbeat is not older, by id."""
        with self._readers.connection() as conn:
            return coordination.workers(conn, alive_since)

    def get_setting(self, name: str) -> str | None:
        """A setting of the data directory, or None."""
        with self._readers.connection() as conn:
            return coordination.get_setting(conn, name)

    def set_setting(self, name: str, value: str) -> None:
        """Sets a setting of the data directory."""
        self._writer.write(lambda conn: coordination.set_setting(conn, name, value))


def _check_user(user_id: str) -> None:
    fault = text_fault("user_id", user_id, MAX_ID_BYTES, required=True)
    if fault is not None:
        raise InvalidInput(fault)
