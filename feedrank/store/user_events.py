"""The table of users' compact records: how a `UserRecord` stands in columns, and writing it.

Knows nothing of bounds or of what a record means.
"""

import sqlite3
import struct
from collections.abc import Iterable, Sequence

from feedrank.store import bulk
from feedrank.types import Micros, Row
from feedrank.user_records import Lane, UserRecord

# user, lane, time, offset, action, rows, value, key, session, request
EventColumns = tuple[
    int, int, Micros, int, int, "int | bytes | None", "float | None", "str | None", "int | None", "int | None"
]

_NAN = float("nan")


def pack_rows(rows: Sequence[Row]) -> int | bytes | None:
    """Rows as stored: none, the one row itself, or little-endian int32 of several."""
    if len(rows) == 1:
        return rows[0]
    return struct.pack(f"<{len(rows)}i", *rows) if rows else None


def unpack_rows(packed: int | bytes | None) -> tuple[Row, ...]:
    """The rows that `pack_rows` stored."""
    if packed is None:
        return ()
    if isinstance(packed, int):
        return (packed,)
    return struct.unpack(f"<{len(packed) // 4}i", packed)


def event_columns(user: int, record: UserRecord, request: int) -> EventColumns:
    """A record of an event as stored under a user's number. `request` is the request's key, 0 for none."""
    value = record.value
    return (
        user,
        int(record.lane),
        record.time,
        record.offset,
        int(record.action),
        pack_rows(record.rows),
        None if value != value else value,
        record.key or None,
        record.session or None,
        request or None,
    )


def insert_events(conn: sqlite3.Connection, rows: Iterable[EventColumns]) -> None:
    """Writes records of events, in key order so that neighbours meet their page while it is at hand."""
    into = "INSERT INTO user_events (user, lane, time, offset, action, rows, value, key, session, request)"
    bulk.insert(conn, into, sorted(rows, key=_order))


def insert_query_vector(conn: sqlite3.Connection, user: int, record: UserRecord) -> None:
    """Writes the record of a search's embedding."""
    conn.execute(
        "INSERT INTO user_events (user, lane, time, offset, action, key, vector, space) "
        "VALUES (?, ?, ?, ?, 0, ?, ?, ?)",
        (user, int(record.lane), record.time, record.offset, record.key, record.vector, record.space),
    )


# time, offset, action, rows, value, key, session
BEHAVIOUR_COLUMNS = "time, offset, action, rows, value, key, session"
StoredBehaviour = tuple[Micros, int, int, "int | bytes | None", "float | None", "str | None", "int | None"]


def behaviour_record(lane: Lane, row: StoredBehaviour) -> UserRecord:
    """The record of BEHAVIOUR_COLUMNS of one lane."""
    time, offset, action, rows, value, key, session = row
    packed = (rows,) if type(rows) is int else unpack_rows(rows)
    return UserRecord(lane, time, offset, action, packed, _NAN if value is None else value, key or "", session or 0)


def offsets_of(conn: sqlite3.Connection, user: int) -> list[int]:
    """Offsets of every log record about a user, ascending."""
    return sorted(offset for (offset,) in conn.execute("SELECT offset FROM user_events WHERE user = ?", (user,)))


def _order(columns: EventColumns) -> tuple[int, int, Micros, int]:
    return columns[0], columns[1], columns[2], columns[3]
