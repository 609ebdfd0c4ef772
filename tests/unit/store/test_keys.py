"""Keyed hashes, and what happens where they meet."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedrank.settings import Settings
from feedrank.store.keys import Keys, event_key, event_keys_within, hash_of
from feedrank.store.sqlite import SqliteStore
from feedrank.types import DAY, SECOND, Action, Event, Micros, Personalization, UserId

NOW: Micros = 1_700_000_000 * SECOND
KEYS = Keys(b"k" * 32)


def test_hashes_depend_on_the_secret_the_domain_and_the_split() -> None:
    assert KEYS.user_hash("ann") != Keys(b"l" * 32).user_hash("ann")
    assert KEYS.event_hash("ann", "x") != KEYS.request_key("ann", "x") & (2**48 - 1)
    assert KEYS.event_hash("ab", "c") != KEYS.event_hash("a", "bc")
    assert 0 <= KEYS.user_key("ann") < 2**63
    assert len(KEYS.user_hash("ann")) == 16


@settings(derandomize=True)
@given(
    hashed=st.integers(0, 2**48 - 1),
    first=st.integers(0, 200 * 365).map(lambda d: d * DAY),
    apart=st.integers(-30, 30).map(lambda d: d * DAY // 2),
    horizon=st.integers(1, 15).map(lambda d: d * DAY),
)
def test_an_event_within_the_horizon_is_looked_for_where_it_stands(
    hashed: int, first: Micros, apart: Micros, horizon: Micros
) -> None:
    stands_at = event_key(hashed, first)
    assert hash_of(stands_at) == hashed
    assert -(2**63) <= stands_at < 2**63
    looked_for = event_keys_within(hashed, first + apart, horizon)
    if abs(apart) <= horizon:
        assert stands_at in looked_for
    assert len(looked_for) <= 2 * horizon // (7 * DAY) + 2
    assert {hash_of(key) for key in looked_for} == {hashed}


class TestEqualHashes:
    @pytest.fixture
    def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteStore]:
        monkeypatch.setattr(Keys, "event_hash", lambda self, user_id, event_id: 7)
        monkeypatch.setattr(Keys, "user_key", lambda self, user_id: 7)
        store = SqliteStore.open(tmp_path, Settings())
        yield store
        store.close()

    def click(self, event_id: str, user: str) -> Event:
        return Event(event_id, UserId(user), NOW, Action.CLICK, "x")

    def test_lose_no_event_and_hide_no_duplicate(self, store: SqliteStore) -> None:
        batch = [self.click(event_id, user) for event_id in "abc" for user in ("ann", "bob")]
        assert store.append_events(batch[:4], NOW).accepted == 4
        assert store.append_events(batch, NOW).duplicates == 4
        assert store.append_events(batch, NOW).duplicates == 6

    def test_keep_users_apart(self, store: SqliteStore) -> None:
        store.append_events([self.click("a", "ann"), self.click("a", "bob"), self.click("b", "bob")], NOW)
        store.set_personalization(UserId("ann"), Personalization.OFF, NOW)
        assert [len(store.user_history(UserId(user)).records) for user in ("ann", "bob", "eve")] == [1, 2, 0]
        assert store.erase_user(UserId("bob"), NOW).records_erased == 2
        assert len(store.user_history(UserId("ann")).records) == 1
