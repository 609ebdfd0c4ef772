"""After an erasure the files hold no byte of the user, however their pages were split and merged before."""

import random
import sqlite3
from pathlib import Path

from feedrank.settings import Settings
from feedrank.store import privacy
from feedrank.store.protocol import StoredSlate
from feedrank.store.sqlite import SqliteStore
from feedrank.types import HOUR, SECOND, Action, Event, Personalization, User, UserId
from feedrank.v1 import log_pb2 as log

NOW = 1_700_000_000 * SECOND


def raw_bytes(data_dir: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(data_dir.iterdir()))


def behaviour(user: UserId) -> list[Event]:
    return [
        Event(f"{user}-s", user, NOW, Action.SEARCH, query=f"query-of-{user}"),
        Event(f"{user}-c", user, NOW, Action.CLICK, "x", request_id=f"request-of-{user}"),
        Event(f"{user}-f", user, NOW, Action.FOLLOW, target="author:jo"),
    ]


def test_nothing_of_an_erased_user_is_left_in_any_file(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, Settings())
    for user in (UserId("gone-user"), UserId("kept-user")):
        store.append_users([User(user, region="DK", attributes={"name": f"name-of-{user}"})], NOW)
        store.append_events(behaviour(user), NOW)
        body = log.Slate(user_id=user, feature_rows=b"\1" * 9000).SerializeToString()
        store.append_slates([StoredSlate(f"request-of-{user}", user, NOW, body)])
    assert b"gone-user" in raw_bytes(tmp_path)
    store.erase_user(UserId("gone-user"), NOW)
    left = raw_bytes(tmp_path)
    assert b"gone-user" not in left
    assert left.count(b"query-of-kept-user") == 1
    store.close()
    assert b"gone-user" not in raw_bytes(tmp_path)


def test_nothing_is_left_in_the_slack_of_pages_once_pruned(tmp_path: Path) -> None:
    """Rows moved between pages leave copies behind; pruning after erasures rewrites the file."""
    rng = random.Random(7)
    store = SqliteStore.open(tmp_path, Settings())
    users = [UserId(f"user-{n:08d}") for n in rng.sample(range(10**8), 2_000)]
    for begin in range(0, len(users), 500):
        store.append_events([event for user in users[begin : begin + 500] for event in behaviour(user)], NOW)
    gone = users[::3]

    grown = [(rng.randrange(600, 900), rng.randrange(6_000)) for _ in range(500)]

    def erase_all(conn: sqlite3.Connection) -> None:
        # Rows that grow push their neighbours to other pages, as merges after many deletions do.
        conn.executemany("UPDATE log SET payload = payload || zeroblob(?) WHERE offset = ?", grown)
        for user in gone:
            privacy.erase(conn, store._keys, user, NOW)

    store._writer.write(erase_all)
    store.erase_user(gone[0], NOW)
    left = raw_bytes(tmp_path)
    assert any(user.encode() in left for user in gone)  # else this test would show nothing
    store.prune(NOW + HOUR)
    left = raw_bytes(tmp_path)
    assert [user for user in gone if user.encode() in left] == []
    assert all(len(store.user_history(user).records) == 3 for user in set(users) - set(gone))
    store.close()


def test_an_opted_out_users_events_leave_no_id(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, Settings())
    user = UserId("quiet-user")
    store.set_personalization(user, Personalization.OFF, NOW)
    store.erase_user(user, NOW)
    later = [Event(e.event_id.replace(user, "id"), user, NOW + 1, e.action, "x") for e in behaviour(user)[1:2]]
    assert store.append_events(later, NOW + 1).accepted == 1
    assert b"quiet-user" not in raw_bytes(tmp_path)
    store.close()
