"""Users by key: their number, region, choice of personalization and account. Opt-outs and erasures outlive the user.

Knows nothing of behaviour.
"""

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from feedrank.content import user_from_pb, user_to_pb
from feedrank.limits import user_fault
from feedrank.records import Kind
from feedrank.store import bulk
from feedrank.store.keys import Keys
from feedrank.store.log_table import LogAppender
from feedrank.store.protocol import Account
from feedrank.types import Micros, Personalization, Rejection, User, WriteResult
from feedrank.user_records import Lane
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import log_pb2 as log


@dataclass(frozen=True, slots=True)
class KnownUser:
    """What a write needs to know of a user. `number` is None while nothing is stored under the user's id."""

    number: int | None
    region: str
    opted_out: bool
    erased_at: Micros  # 0: never


class UserNumbers:
    """Looks up the users of a batch at once and numbers new ones on demand. Lives within one write transaction."""

    def __init__(self, conn: sqlite3.Connection, keys: Keys, user_ids: Collection[str]) -> None:
        self._conn = conn
        self._keys = keys
        self._known = known_users(conn, keys, user_ids)
        highest: tuple[int | None] = conn.execute("SELECT max(n) FROM users").fetchone()
        self._next = (highest[0] or 0) + 1
        self._numbers = {user_id: user.number for user_id, user in self._known.items() if user.number is not None}
        self._new: list[tuple[int, int, str]] = []

    def known(self, user_id: str) -> KnownUser:
        """What was stored of a user of this batch before it."""
        return self._known[user_id]

    def number(self, user_id: str) -> int | None:
        """The number of a user of this batch, None if none was given yet."""
        return self._numbers.get(user_id)

    def assign(self, user_id: str) -> int:
        """The number of a user of this batch, a new one if none was given yet."""
        number = self._numbers.get(user_id)
        if number is None:
            number = self._next
            self._next += 1
            self._numbers[user_id] = number
            self._new.append((number, self._keys.user_key(user_id), user_id))
        return number

    def flush(self) -> None:
        """Writes the numbers given."""
        self._conn.executemany("INSERT INTO users (n, user_key, user_id) VALUES (?, ?, ?)", self._new)
        self._new.clear()


def known_users(conn: sqlite3.Connection, keys: Keys, user_ids: Collection[str]) -> dict[str, KnownUser]:
    """What is stored of each of these users."""
    columns = "user_id, n, coalesce(region, ''), coalesce(personalization, 0)"
    rest = "FROM users LEFT JOIN accounts ON accounts.user = users.n WHERE user_key IN (SELECT value FROM json_each(?))"
    found = bulk.select(conn, columns, rest, [keys.user_key(user_id) for user_id in user_ids])
    stored = {user_id: (n, region, choice) for user_id, n, region, choice in found}
    optouts, erased = _privacy(conn, keys, user_ids)
    known = {}
    for user_id in user_ids:
        number, region, choice = stored.get(user_id, (None, "", 0))
        off = choice == Personalization.OFF or user_id in optouts
        known[user_id] = KnownUser(number, region, off, erased.get(user_id, 0))
    return known


def _privacy(conn: sqlite3.Connection, keys: Keys, user_ids: Collection[str]) -> tuple[set[str], dict[str, Micros]]:
    """Which of these users opted out, and when which were erased: by hash, so that it outlives the user's rows."""
    any_kept: tuple[int] = conn.execute(
        "SELECT EXISTS (SELECT 1 FROM optouts) OR EXISTS (SELECT 1 FROM erased)"
    ).fetchone()
    if not any_kept[0]:
        return set(), {}
    by_hash = {keys.user_hash(user_id).hex(): user_id for user_id in user_ids}
    wanted = (json.dumps(list(by_hash)),)
    off = conn.execute("SELECT user_hash FROM optouts WHERE user_hash IN (SELECT value FROM json_each(?))", wanted)
    optouts = {by_hash[user_hash] for (user_hash,) in off}
    gone = conn.execute(
        "SELECT user_hash, time FROM erased WHERE user_hash IN (SELECT value FROM json_each(?))", wanted
    )
    return optouts, {by_hash[user_hash]: time for user_hash, time in gone}


def number_of(conn: sqlite3.Connection, keys: Keys, user_id: str) -> int | None:
    """The number under which a user's rows stand, None where nothing is stored."""
    sql = "SELECT n FROM users WHERE user_key = ? AND user_id = ?"
    found: tuple[int] | None = conn.execute(sql, (keys.user_key(user_id), user_id)).fetchone()
    return None if found is None else found[0]


def append(conn: sqlite3.Connection, keys: Keys, users: Sequence[User], received_at: Micros) -> WriteResult:
    """Writes what a backend tells of its users within the caller's transaction. The same again is a duplicate."""
    faults = [user_fault(user) for user in users]
    sound = {user.user_id for user, fault in zip(users, faults, strict=True) if fault is None}
    numbers = UserNumbers(conn, keys, sound)
    appender = LogAppender(conn, received_at)
    now = appender.received_at(0)
    stored: dict[str, tuple[pb.User, int]] = {}  # the account as of this batch, and its record
    rejected: list[Rejection] = []
    accepted = duplicates = 0
    for index, (user, fault) in enumerate(zip(users, faults, strict=True)):
        if fault is None and now <= numbers.known(user.user_id).erased_at:
            fault = "user_id was erased at this time or later"
        if fault is not None:
            rejected.append(Rejection(index, fault))
            continue
        message = user_to_pb(user)
        number = numbers.assign(user.user_id)
        before = stored[user.user_id][0] if user.user_id in stored else _account(conn, number)
        if before == message:
            duplicates += 1
            continue
        offset = appender.add(Kind.USER_UPSERTED, now, log.UserUpserted(user=message).SerializeToString())
        add_account_record(conn, number, now, offset)
        stored[user.user_id] = (message, offset)
        accepted += 1
    numbers.flush()
    appender.flush()
    conn.executemany(
        "INSERT INTO accounts (user, region, upsert_offset) VALUES (?, ?, ?) ON CONFLICT (user) "
        "DO UPDATE SET region = excluded.region, upsert_offset = excluded.upsert_offset",
        [(numbers.number(user_id), message.region, offset) for user_id, (message, offset) in stored.items()],
    )
    return WriteResult(accepted, duplicates, tuple(rejected))


def add_account_record(conn: sqlite3.Connection, number: int, time: Micros, offset: int) -> None:
    """Notes by user that the record at `offset` is about them, for erasure and export."""
    sql = "INSERT INTO user_events (user, lane, time, offset, action) VALUES (?, ?, ?, ?, 0)"
    conn.execute(sql, (number, int(Lane.ACCOUNT), time, offset))


def account(conn: sqlite3.Connection, keys: Keys, user_id: str) -> Account:
    """What is kept of a user besides behaviour; an opt-out also where the user was erased."""
    number = number_of(conn, keys, user_id)
    message = None if number is None else _account(conn, number)
    choice = None if number is None else _choice(conn, number)
    if not choice and has_opted_out(conn, keys, user_id):
        choice = Personalization.OFF
    return Account(None if message is None else user_from_pb(message), Personalization(choice or 0))


def choose(conn: sqlite3.Connection, number: int, value: Personalization) -> None:
    """Sets a user's choice."""
    conn.execute(
        "INSERT INTO accounts (user, personalization) VALUES (?, ?) ON CONFLICT (user) "
        "DO UPDATE SET personalization = excluded.personalization",
        (number, int(value)),
    )


def has_opted_out(conn: sqlite3.Connection, keys: Keys, user_id: str) -> bool:
    """Whether this user's opt-out is kept, whether or not anything else is."""
    sql = "SELECT 1 FROM optouts WHERE user_hash = ?"
    return conn.execute(sql, (keys.user_hash(user_id).hex(),)).fetchone() is not None


def _account(conn: sqlite3.Connection, number: int) -> pb.User | None:
    sql = "SELECT log.payload FROM accounts JOIN log ON log.offset = accounts.upsert_offset WHERE accounts.user = ?"
    found: tuple[bytes] | None = conn.execute(sql, (number,)).fetchone()
    return None if found is None else log.UserUpserted.FromString(found[0]).user


def _choice(conn: sqlite3.Connection, number: int) -> int | None:
    found: tuple[int] | None = conn.execute("SELECT personalization FROM accounts WHERE user = ?", (number,)).fetchone()
    return None if found is None else found[0]
