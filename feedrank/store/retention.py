"""What is removed by age: slates, events, heartbeats; and rebuilding the file after erasures.

A record ages from when it was stored. Live records are received in log order, so that age is a place in the log, and an
imported record, whose own times may be years old, ages with the live records around it. Knows nothing of privacy
requests.
"""

import logging
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from feedrank.records import Kind
from feedrank.settings import Settings
from feedrank.store import coordination, log_table, schema
from feedrank.store.connections import retrying
from feedrank.store.enrich import REQUEST_KEPT
from feedrank.store.keys import Keys
from feedrank.store.privacy import SCRUB_PENDING
from feedrank.store.users import number_of
from feedrank.store.writer import GroupCommitWriter
from feedrank.types import DAY, Action, Micros
from feedrank.user_records import LANE_OF_ACTION, Lane
from feedrank.v1 import log_pb2 as log

logger = logging.getLogger(__name__)

_CHUNK = 2_000  # records per transaction, so that writers get their turn between
_HEARTBEATS_KEPT: Micros = DAY


@dataclass(frozen=True, slots=True)
class _Pruned:
    """What one transaction looked at and removed."""

    last: int  # where the next one begins, 0 at the end
    removed: int


def prune(writer: GroupCommitWriter, keys: Keys, settings: Settings, now: Micros) -> int:
    """Removes slates and events past their retention, a chunk a transaction; returns how many. Current state stays."""
    slates_before = now - settings.slate_retention_days * DAY
    events_before = now - settings.event_retention_days * DAY
    removed = 0
    while chunk := writer.write(lambda conn: _prune_slates(conn, slates_before)):
        removed += chunk
    until = writer.write(lambda conn: log_table.last_live_before(conn, events_before))
    step = _Pruned(0, 0)
    while True:
        step = writer.write(partial(_prune_events, keys=keys, after=step.last, until=until))
        removed += step.removed
        if not step.last:
            break
    writer.write(lambda conn: _forget(conn, now))
    if writer.write(lambda conn: schema.meta(conn, SCRUB_PENDING)):
        writer.run_alone(_rebuild)
    return removed


def truncate_wal(conn: sqlite3.Connection) -> bool:
    """Moves all of the WAL into the main file and empties it; False while a reader of another process is in the way."""
    busy, _, _ = conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _prune_slates(conn: sqlite3.Connection, before: Micros) -> int:
    rows = conn.execute("SELECT n, user FROM slates WHERE time < ? ORDER BY time LIMIT ?", (before, _CHUNK)).fetchall()
    conn.executemany("DELETE FROM slates WHERE n = ?", [(n,) for n, _ in rows])
    _remove_empty_users(conn, {user for _, user in rows if user is not None})
    return len(rows)


def _prune_events(conn: sqlite3.Connection, keys: Keys, after: int, until: int) -> _Pruned:
    sql = (
        "SELECT offset, kind, min(time, received_at), payload FROM log "
        "WHERE offset > ? AND offset <= ? AND kind IN (?, ?) ORDER BY offset LIMIT ?"
    )
    rows = conn.execute(sql, (after, until, int(Kind.EVENT), int(Kind.QUERY_EMBEDDED), _CHUNK)).fetchall()
    offsets: list[int] = []
    touched: set[int] = set()
    for offset, kind, time, payload in rows:
        user_id, lane = _whose(kind, payload)
        number = number_of(conn, keys, user_id) if user_id else None
        if number is not None:
            if lane is Lane.STATE and _is_current(conn, number, time, offset):
                continue
            place = (number, int(lane), time, offset)
            conn.execute("DELETE FROM user_events WHERE user = ? AND lane = ? AND time = ? AND offset = ?", place)
            touched.add(number)
        offsets.append(offset)
    log_table.remove(conn, offsets)
    _remove_empty_users(conn, touched)
    return _Pruned(rows[-1][0] if len(rows) == _CHUNK else 0, len(offsets))


def _whose(kind: int, payload: bytes) -> tuple[str, Lane]:
    """The user id (empty where the user opted out) and lane of an event or of a search's vector."""
    if kind == Kind.QUERY_EMBEDDED:
        return log.QueryEmbedded.FromString(payload).user_id, Lane.QUERY_VECTOR
    event = log.EventRecorded.FromString(payload).event
    return event.user_id, LANE_OF_ACTION[Action(event.action)]


def _is_current(conn: sqlite3.Connection, user: int, time: Micros, offset: int) -> bool:
    """Whether this is the last write of its follow or hide key."""
    sql = (
        "SELECT 1 FROM user_events AS this WHERE user = ? AND lane = ? AND time = ? AND offset = ? AND NOT EXISTS ("
        "SELECT 1 FROM user_events AS later WHERE later.user = this.user AND later.lane = this.lane "
        "AND later.key = this.key AND (later.time, later.offset) > (this.time, this.offset))"
    )
    return conn.execute(sql, (user, int(Lane.STATE), time, offset)).fetchone() is not None


def _remove_empty_users(conn: sqlite3.Connection, users: Collection[int]) -> None:
    """Forgets those of these users of whom nothing else is kept."""
    conn.executemany(
        "DELETE FROM users WHERE n = ? AND NOT EXISTS (SELECT 1 FROM accounts WHERE user = users.n) "
        "AND NOT EXISTS (SELECT 1 FROM user_events WHERE user = users.n) "
        "AND NOT EXISTS (SELECT 1 FROM slates WHERE user = users.n)",
        [(user,) for user in users],
    )


def _forget(conn: sqlite3.Connection, now: Micros) -> None:
    conn.execute("DELETE FROM request_views WHERE newest < ?", (now - REQUEST_KEPT,))
    coordination.forget_workers(conn, now - _HEARTBEATS_KEPT)


def _rebuild(conn: sqlite3.Connection) -> None:
    """Rewrites the file: what SQLite left of erased rows in the slack of split or merged pages goes with it."""
    pending = schema.meta(conn, SCRUB_PENDING)
    conn.execute("PRAGMA temp_store = FILE")  # the copy is as large as the store
    try:
        retrying(lambda: conn.execute("VACUUM").close())
    finally:
        conn.execute("PRAGMA temp_store = MEMORY")
    if truncate_wal(conn):
        # Another process may have erased meanwhile: then its own mark stays.
        sql = "UPDATE meta SET value = 0 WHERE name = ? AND value = ?"
        retrying(lambda: conn.execute(sql, (SCRUB_PENDING, pending)).close())
    else:
        logger.warning(
            "the WAL could not be emptied after an erasure: a reader was in the way; the next prune tries again"
        )
