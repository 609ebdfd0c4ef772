"""One user's bounded records, read by key: what a request knows of its user.

Knows nothing of what the records mean.
"""

import json
import sqlite3
from collections.abc import Iterator
from operator import itemgetter

from feedrank.settings import DWELLS_KEPT, ENGAGEMENTS_KEPT, SEARCHES_KEPT, STATES_KEPT, VIEWS_KEPT
from feedrank.store import log_table
from feedrank.store.protocol import HistoryCursor, UserHistory
from feedrank.store.user_events import BEHAVIOUR_COLUMNS, StoredBehaviour, behaviour_record
from feedrank.user_records import Lane, UserRecord

_NEWEST_FIRST = (
    f"SELECT {BEHAVIOUR_COLUMNS} FROM user_events WHERE user = ? AND lane = ? AND time < ? AND offset <= ? "
    "ORDER BY time DESC, offset DESC"
)
_QUERY_VECTORS = (
    "SELECT time, offset, key, vector, space FROM user_events WHERE user = ? AND lane = ? AND time < ? AND offset <= ? "
    "AND key IN (SELECT value FROM json_each(?))"
)
_LATEST = HistoryCursor(2**62, 2**62)
_PLACE = itemgetter(UserRecord._fields.index("time"), UserRecord._fields.index("offset"))


def user_history(conn: sqlite3.Connection, user: int | None, before: HistoryCursor | None) -> UserHistory:
    """The newest records of each lane in (time, offset) order, and the log offset they were read at.

    Runs in a snapshot. `user` is None for a user of whom nothing is stored.
    """
    cursor = _LATEST if before is None else before
    position = min(log_table.position(conn), cursor.offset)
    if user is None:
        return UserHistory((), position)
    records = _newest(conn, user, Lane.ENGAGEMENT, cursor, ENGAGEMENTS_KEPT)
    records += _views(conn, user, cursor)
    records += _newest(conn, user, Lane.DWELL, cursor, DWELLS_KEPT)
    records += _states(conn, user, cursor)
    searches = _newest(conn, user, Lane.SEARCH, cursor, SEARCHES_KEPT)
    if searches:
        records += searches
        records += _query_vectors(conn, user, cursor, searches)
    records.sort(key=_PLACE)
    return UserHistory(tuple(records), position)


def _newest(conn: sqlite3.Connection, user: int, lane: Lane, cursor: HistoryCursor, kept: int) -> list[UserRecord]:
    rows = conn.execute(_NEWEST_FIRST + " LIMIT ?", (user, int(lane), cursor.time, cursor.offset, kept))
    return [behaviour_record(lane, row) for row in rows]


def _lazily(conn: sqlite3.Connection, user: int, lane: Lane, cursor: HistoryCursor) -> Iterator[UserRecord]:
    """Newest first, read only as far as asked."""
    rows: Iterator[StoredBehaviour] = conn.execute(_NEWEST_FIRST, (user, int(lane), cursor.time, cursor.offset))
    for row in rows:
        yield behaviour_record(lane, row)


def _views(conn: sqlite3.Connection, user: int, cursor: HistoryCursor) -> list[UserRecord]:
    """The newest view records that together hold VIEWS_KEPT item views: one record may hold a whole slate."""
    found: list[UserRecord] = []
    items = 0
    for record in _lazily(conn, user, Lane.VIEW, cursor):
        found.append(record)
        items += len(record.rows)
        if items >= VIEWS_KEPT:
            break
    return found


def _states(conn: sqlite3.Connection, user: int, cursor: HistoryCursor) -> list[UserRecord]:
    """The latest record of each of the STATES_KEPT keys written last."""
    latest: dict[str, UserRecord] = {}
    for record in _lazily(conn, user, Lane.STATE, cursor):
        latest.setdefault(record.key, record)
        if len(latest) == STATES_KEPT:
            break
    return list(latest.values())


def _query_vectors(
    conn: sqlite3.Connection, user: int, cursor: HistoryCursor, searches: list[UserRecord]
) -> list[UserRecord]:
    keys = json.dumps([str(search.offset) for search in searches])
    rows = conn.execute(_QUERY_VECTORS, (user, int(Lane.QUERY_VECTOR), cursor.time, cursor.offset, keys))
    return [
        UserRecord(Lane.QUERY_VECTOR, time, offset, 0, key=key, vector=vector, space=space)
        for time, offset, key, vector, space in rows
    ]
