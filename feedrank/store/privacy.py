"""A user's rights over the store: choosing, erasing, exporting.

What outlives a user is a keyed hash with an instant, and an opt-out. Knows nothing of derived copies.
"""

import sqlite3
from collections.abc import Sequence

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from feedrank.records import Kind, Record
from feedrank.store import log_table, schema, users
from feedrank.store.keys import Keys
from feedrank.store.log_table import LogAppender
from feedrank.store.protocol import Erasure, ExportedRow
from feedrank.store.user_events import offsets_of
from feedrank.types import DAY, Micros, Personalization
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import log_pb2 as log

DERIVED_COPIES_WITHIN: Micros = DAY  # snapshots and cached data sets are rewritten by then
SCRUB_PENDING = "scrub_pending"  # how many were erased since the file was last rebuilt


def set_personalization(
    conn: sqlite3.Connection, keys: Keys, user_id: str, value: Personalization, received_at: Micros
) -> None:
    """Records a user's choice within the caller's transaction; the same choice again changes nothing."""
    if users.account(conn, keys, user_id).personalization == value:
        return
    numbers = users.UserNumbers(conn, keys, [user_id])
    number = numbers.assign(user_id)
    numbers.flush()
    appender = LogAppender(conn, received_at)
    now = appender.received_at(0)
    payload = log.PersonalizationSet(user_id=user_id, personalization=pb.Personalization.Name(value))
    offset = appender.add(Kind.PERSONALIZATION_SET, now, payload.SerializeToString())
    appender.flush()
    users.add_account_record(conn, number, now, offset)
    users.choose(conn, number, value)
    user_hash = (keys.user_hash(user_id).hex(),)
    if value == Personalization.OFF:
        conn.execute("INSERT OR IGNORE INTO optouts (user_hash) VALUES (?)", user_hash)
    else:
        conn.execute("DELETE FROM optouts WHERE user_hash = ?", user_hash)


def erase(conn: sqlite3.Connection, keys: Keys, user_id: str, now: Micros) -> Erasure:
    """Deletes every row of a user within the caller's transaction, and refuses the user's older records from now on."""
    number = users.number_of(conn, keys, user_id)
    removed = 0 if number is None else _remove(conn, number)
    user_hash = keys.user_hash(user_id)
    appender = LogAppender(conn, now)
    appender.add(Kind.USER_ERASED, now, log.UserErased(user_hash=user_hash).SerializeToString())
    appender.flush()
    conn.execute(
        "INSERT INTO erased (user_hash, time) VALUES (?, ?) "
        "ON CONFLICT (user_hash) DO UPDATE SET time = max(time, excluded.time)",
        (user_hash.hex(), now),
    )
    pending = schema.meta(conn, SCRUB_PENDING)
    schema.set_meta(conn, SCRUB_PENDING, pending + 1 if isinstance(pending, int) else 1)
    return Erasure(removed, user_hash.hex(), now + DERIVED_COPIES_WITHIN)


def _remove(conn: sqlite3.Connection, user: int) -> int:
    removed = log_table.remove(conn, offsets_of(conn, user))
    conn.execute(
        "DELETE FROM request_views WHERE key IN ("
        "SELECT request FROM user_events WHERE user = ? AND request IS NOT NULL "
        "UNION SELECT request_key FROM slates WHERE user = ?)",
        (user, user),
    )
    conn.execute("DELETE FROM user_events WHERE user = ?", (user,))
    removed += conn.execute("DELETE FROM slates WHERE user = ?", (user,)).rowcount
    conn.execute("DELETE FROM accounts WHERE user = ?", (user,))
    conn.execute("DELETE FROM users WHERE n = ?", (user,))
    return removed


def exported_offsets(conn: sqlite3.Connection, keys: Keys, user_id: str) -> tuple[list[int], list[int]]:
    """Offsets of all log records about a user, and numbers of all slates served to the user, oldest first."""
    number = users.number_of(conn, keys, user_id)
    if number is None:
        return [], []
    slates = conn.execute("SELECT n FROM slates WHERE user = ? ORDER BY time, n", (number,))
    return offsets_of(conn, number), [n for (n,) in slates]


def exported_records(conn: sqlite3.Connection, offsets: Sequence[int]) -> list[ExportedRow]:
    """The records at these offsets as people may read them."""
    return [_exported(record) for record in log_table.read_at(conn, offsets)]


def exported_slates(conn: sqlite3.Connection, numbers: Sequence[int]) -> list[ExportedRow]:
    """These slates as people may read them."""
    rows = [conn.execute("SELECT time, body FROM slates WHERE n = ?", (n,)).fetchone() for n in numbers]
    return [ExportedRow("slate", row[0], _json(pb_slate(row[1]))) for row in rows if row is not None]


def pb_slate(body: bytes) -> log.Slate:
    """The message of a slate's body."""
    return log.Slate.FromString(body)


def _exported(record: Record) -> ExportedRow:
    payload = record.payload
    if record.kind == Kind.EVENT:
        recorded = log.EventRecorded.FromString(payload)
        kind = "search" if recorded.event.action == pb.ACTION_SEARCH else "event"
        return ExportedRow(kind, record.time, _json(recorded))
    if record.kind == Kind.USER_UPSERTED:
        return ExportedRow("user", record.time, _json(log.UserUpserted.FromString(payload)))
    if record.kind == Kind.PERSONALIZATION_SET:
        return ExportedRow("personalization", record.time, _json(log.PersonalizationSet.FromString(payload)))
    return ExportedRow("query_vector", record.time, _json(log.QueryEmbedded.FromString(payload)))


def _json(message: Message) -> str:
    return MessageToJson(message, preserving_proto_field_name=True, indent=None)
