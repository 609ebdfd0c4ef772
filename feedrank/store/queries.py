"""Embeddings of searches landing in the log and among a user's records.

Knows nothing of encoders.
"""

import sqlite3

from feedrank.records import Kind, QueryEmbedded, pack_vector
from feedrank.store import log_table, users
from feedrank.store.keys import Keys
from feedrank.store.log_table import LogAppender
from feedrank.store.user_events import insert_query_vector
from feedrank.store.vectors import check_unit
from feedrank.types import F32, Micros, UserId
from feedrank.user_records import Lane, user_record
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import log_pb2 as log


def land(
    conn: sqlite3.Connection, keys: Keys, user_id: UserId, space: str, search_offset: int, values: F32, at: Micros
) -> bool:
    """Lands a search's vector within the caller's transaction.

    False, and nothing written, where the search is gone, is not this user's, already has its vector in this space, or
    the user opted out. Raises InvalidInput unless `values` is finite and of unit length.
    """
    check_unit("values", values)
    user = users.known_users(conn, keys, [user_id])[user_id]
    if user.number is None or user.opted_out or not _is_search_of(conn, user_id, search_offset):
        return False
    sql = "SELECT 1 FROM user_events WHERE user = ? AND lane = ? AND key = ? AND space = ?"
    if conn.execute(sql, (user.number, int(Lane.QUERY_VECTOR), str(search_offset), space)).fetchone() is not None:
        return False
    payload = log.QueryEmbedded(user_id=user_id, space=space, search_offset=search_offset, values=pack_vector(values))
    appender = LogAppender(conn, at)
    received_at = appender.received_at(at)
    offset = appender.add(Kind.QUERY_EMBEDDED, at, payload.SerializeToString())
    appender.flush()
    fact = QueryEmbedded(offset, min(at, received_at), received_at, False, user_id, space, search_offset, values)
    record = user_record(fact)
    assert record is not None  # a query's vector is a user's record
    insert_query_vector(conn, user.number, record)
    return True


def _is_search_of(conn: sqlite3.Connection, user_id: str, offset: int) -> bool:
    found = log_table.read_at(conn, [offset])
    if not found or found[0].kind != Kind.EVENT:
        return False
    event = log.EventRecorded.FromString(found[0].payload).event
    return event.action == pb.ACTION_SEARCH and event.user_id == user_id
