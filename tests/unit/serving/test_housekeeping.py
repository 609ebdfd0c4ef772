"""Housekeeping: due once in twenty hours over all processes, and what erasure promises within a day follows from it."""

from pathlib import Path

import pytest

from feedrank.serving.housekeeping import EVERY, Housekeeper
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.types import DAY, SECOND, Action, Event, Item, ItemId, Micros, UserId

NOW: Micros = 1_700_000_000 * SECOND


@pytest.fixture
def store(tmp_path: Path):
    store = SqliteStore.open(tmp_path, Settings())
    yield store
    store.close()


def test_prunes_once_when_due_whoever_looks(store: SqliteStore) -> None:
    clock = [NOW]
    first, second = (Housekeeper(store, lambda: clock[0]) for _ in range(2))
    assert first.prune_if_due()
    assert not second.prune_if_due()
    clock[0] += EVERY - 1
    assert not first.prune_if_due()
    clock[0] += 1
    assert second.prune_if_due() and not first.prune_if_due()


def test_another_holders_lease_is_respected(store: SqliteStore) -> None:
    assert store.acquire_lease("housekeeping", "another process", NOW, DAY)
    assert not Housekeeper(store, lambda: NOW).prune_if_due()


def test_old_events_go_and_items_stay(store: SqliteStore) -> None:
    store.append_items([Item(ItemId("a"), title="a")], NOW)
    store.append_events([Event("old", UserId("u"), NOW, Action.CLICK, "a")], NOW)
    later = NOW + 100 * DAY
    store.append_events([Event("new", UserId("u"), later, Action.CLICK, "a")], later)
    assert Housekeeper(store, lambda: later).prune_if_due()
    assert len(store.user_history(UserId("u")).records) == 1
    assert store.items(store.rows_of(["a"]))[0] is not None  # type: ignore[arg-type]
