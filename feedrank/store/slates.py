"""Slates: what was served, kept in a table of its own. Retention is another module's business.

Knows nothing of how a slate is made; reads of its body only what was shown.
"""

import sqlite3
from collections.abc import Sequence

from feedrank.errors import InvalidInput
from feedrank.limits import MAX_ID_BYTES, text_fault
from feedrank.store.coordination import get_setting
from feedrank.store.data_settings import SETTING, parse_data_settings
from feedrank.store.enrich import RequestMatches
from feedrank.store.keys import Keys
from feedrank.store.protocol import StoredSlate
from feedrank.store.users import UserNumbers
from feedrank.types import MINUTE, Micros
from feedrank.v1 import log_pb2 as log

SAME_REQUEST_WITHIN: Micros = 10 * MINUTE  # a repeated (user, request_id) is one slate


def append(conn: sqlite3.Connection, keys: Keys, slates: Sequence[StoredSlate]) -> int:
    """Writes slates within the caller's transaction; returns how many were new.

    One of an erased user from before the erasure is dropped: slates are written behind the reply, and may arrive after
    it. An opted-out user's is kept without the user.
    """
    for i, slate in enumerate(slates):
        fault = text_fault(f"slates[{i}].request_id", slate.request_id, MAX_ID_BYTES, required=True)
        if fault is not None:
            raise InvalidInput(fault)
    numbers = UserNumbers(conn, keys, {slate.user_id for slate in slates})
    request_keys = [keys.request_key(slate.user_id, slate.request_id) for slate in slates]
    counts_as_seen = parse_data_settings(get_setting(conn, SETTING)).served_counts_as_seen
    requests = RequestMatches(conn, set(request_keys) if counts_as_seen else ())
    landed = 0
    for slate, request_key in zip(slates, request_keys, strict=True):
        known = numbers.known(slate.user_id)
        if slate.time <= known.erased_at or _is_repeated(conn, request_key, slate):
            continue
        anonymous = not slate.user_id or known.opted_out
        number = None if anonymous else numbers.assign(slate.user_id)
        body = _without_user(slate.body) if anonymous else slate.body
        conn.execute(
            "INSERT INTO slates (time, user, request_key, request_id, body) VALUES (?, ?, ?, ?, ?)",
            (slate.time, number, request_key, slate.request_id, body),
        )
        if counts_as_seen and slate.user_id:
            message = log.Slate.FromString(slate.body)
            requests.served(request_key, [message.candidate_rows[i] for i in message.shown], slate.time)
        landed += 1
    numbers.flush()
    requests.flush()
    return landed


def _is_repeated(conn: sqlite3.Connection, request_key: int, slate: StoredSlate) -> bool:
    sql = "SELECT 1 FROM slates WHERE request_key = ? AND request_id = ? AND abs(time - ?) <= ?"
    found = conn.execute(sql, (request_key, slate.request_id, slate.time, SAME_REQUEST_WITHIN)).fetchone()
    return found is not None


def _without_user(body: bytes) -> bytes:
    slate = log.Slate.FromString(body)
    if not slate.user_id:
        return body
    slate.ClearField("user_id")
    return slate.SerializeToString()


def page(
    conn: sqlite3.Connection, after: tuple[Micros, int], until: Micros, limit: int
) -> list[tuple[int, StoredSlate]]:
    """Up to `limit` slates with their numbers, behind (time, number) `after`, served before `until`, in that order."""
    sql = (
        "SELECT s.n, s.request_id, coalesce(u.user_id, ''), s.time, s.body FROM slates AS s "
        "LEFT JOIN users AS u ON u.n = s.user WHERE (s.time, s.n) > (?, ?) AND s.time < ? ORDER BY s.time, s.n LIMIT ?"
    )
    return [(n, StoredSlate(*slate)) for n, *slate in conn.execute(sql, (*after, until, limit))]
