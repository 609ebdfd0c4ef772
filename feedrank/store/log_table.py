"""The log table: records numbered and appended within a transaction, and read back in order.

Knows the envelope of a record and nothing of its payload.
"""

import sqlite3
from collections.abc import Sequence

from feedrank.records import SCHEMA_VERSION, Kind, Record
from feedrank.store import bulk
from feedrank.types import Micros

_INSERT = "INSERT INTO log (offset, kind, version, time, received_at, imported, event_key, payload)"
_COLUMNS = "offset, kind, version, time, received_at, imported, payload"


class LogAppender:
    """Numbers and collects the records of one batch; `flush` writes them. Lives within one write transaction.

    The offset sequence and the last live instant are read from the database, never remembered: other processes append
    too, and a batch that is rolled back leaves no trace.
    """

    def __init__(self, conn: sqlite3.Connection, received_at: Micros | None) -> None:
        self._conn = conn
        self.imported = received_at is None
        self._next = position(conn) + 1
        # Live records are received in log order whatever the clocks of several servers say.
        self._live: Micros = 0 if received_at is None else max(received_at, _last_live(conn))
        self._pending: list[tuple[int, int, int, Micros, Micros, bool, int | None, bytes]] = []

    @property
    def next_offset(self) -> int:
        """The offset the next added record will have."""
        return self._next

    def received_at(self, time: Micros) -> Micros:
        """When a record of this client time counts as received: now if live, then if imported."""
        return time if self.imported else self._live

    def add(self, kind: Kind, time: Micros, payload: bytes, event_key: int | None = None, derived: bool = False) -> int:
        """Takes one record into the batch and returns its offset. What is `derived` from an import is one as well."""
        offset = self._next
        self._next += 1
        imported = self.imported or derived
        received_at = time if imported else self._live
        row = (offset, int(kind), SCHEMA_VERSION, time, received_at, imported, event_key, payload)
        self._pending.append(row)
        return offset

    def flush(self) -> None:
        """Writes what was added, in order."""
        if self._pending:
            bulk.insert(self._conn, _INSERT, self._pending)
            self._pending.clear()


def position(conn: sqlite3.Connection) -> int:
    """The last offset ever given, 0 for an empty log. Stands still when records are erased."""
    found: tuple[int] | None = conn.execute("SELECT seq FROM sqlite_sequence WHERE name = 'log'").fetchone()
    return 0 if found is None else found[0]


def read(conn: sqlite3.Connection, after: int, limit: int) -> list[Record]:
    """Up to `limit` records behind offset `after`, in order."""
    sql = f"SELECT {_COLUMNS} FROM log WHERE offset > ? ORDER BY offset LIMIT ?"
    return [_record(row) for row in conn.execute(sql, (after, limit))]


def read_at(conn: sqlite3.Connection, offsets: Sequence[int]) -> list[Record]:
    """The records at these offsets that still exist, in the order given."""
    sql = f"SELECT {_COLUMNS} FROM log WHERE offset = ?"
    rows = (conn.execute(sql, (offset,)).fetchone() for offset in offsets)
    return [_record(row) for row in rows if row is not None]


def remove(conn: sqlite3.Connection, offsets: Sequence[int]) -> int:
    """Deletes the records at these offsets and returns how many there were."""
    return conn.executemany("DELETE FROM log WHERE offset = ?", [(offset,) for offset in offsets]).rowcount


def last_live_before(conn: sqlite3.Connection, time: Micros) -> int:
    """The offset of the last live record received before `time`, 0 for none. Live records are received in log order."""
    sql = "SELECT offset FROM log WHERE imported = 0 AND received_at < ? ORDER BY received_at DESC, offset DESC LIMIT 1"
    found: tuple[int] | None = conn.execute(sql, (time,)).fetchone()
    return 0 if found is None else found[0]


def _last_live(conn: sqlite3.Connection) -> Micros:
    found: tuple[Micros | None] = conn.execute("SELECT max(received_at) FROM log WHERE imported = 0").fetchone()
    return found[0] or 0


def _record(row: tuple[int, int, int, Micros, Micros, int, bytes]) -> Record:
    offset, kind, version, time, received_at, imported, payload = row
    return Record(offset, kind, version, time, received_at, bool(imported), payload)
