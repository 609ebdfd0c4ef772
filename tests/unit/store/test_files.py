"""What the embedded store says of files it cannot use, and how it opens those it can."""

import sqlite3
import threading
from pathlib import Path

import pytest

from feedrank.errors import StoreError, StoreFull, StoreTooNew
from feedrank.settings import Settings
from feedrank.store import connections
from feedrank.store.connections import FILE_NAME
from feedrank.store.schema import SCHEMA_VERSION
from feedrank.store.sqlite import SqliteStore
from feedrank.types import SECOND, Action, Event, Item, ItemId, UserId

NOW = 1_700_000_000 * SECOND


def click(event_id: str) -> Event:
    return Event(event_id, UserId("ann"), NOW, Action.CLICK, "x")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A data directory with one event in it, closed."""
    store = SqliteStore.open(tmp_path, Settings())
    store.append_events([click("a")], NOW)
    store.close()
    return tmp_path


def test_a_newer_schema_is_refused_naming_both_versions(made: Path) -> None:
    conn = sqlite3.connect(made / FILE_NAME)
    conn.execute("UPDATE meta SET value = 99 WHERE name = 'schema'")
    conn.commit()
    conn.close()
    with pytest.raises(StoreTooNew, match=f"version 99, this feedrank reads up to {SCHEMA_VERSION}"):
        SqliteStore.open(made, Settings())


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is a text file, and rather long for a header\n" * 100)
    with pytest.raises(StoreError, match=rf"{FILE_NAME}.*not a feedrank store"):
        SqliteStore.open(tmp_path, Settings())


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    conn = sqlite3.connect(tmp_path / FILE_NAME)
    conn.execute("CREATE TABLE theirs (x)")
    conn.commit()
    with pytest.raises(StoreError, match="another program"):
        SqliteStore.open(tmp_path, Settings())
    assert conn.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]
    conn.close()


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(StoreError, match="cannot be made a data directory"):
        SqliteStore.open(tmp_path / "data", Settings())


def test_a_damaged_file_is_told_with_what_to_do(made: Path) -> None:
    path = made / FILE_NAME
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    with pytest.raises(StoreError, match=rf"{FILE_NAME}.*damaged"):
        SqliteStore.open(made, Settings())


def test_a_lock_held_too_long_is_told(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BUSY_TIMEOUT_S", 0.05)
    store = SqliteStore.open(made, Settings())
    other = sqlite3.connect(made / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="write lock too long"):
        store.append_events([click("b")], NOW)
    other.execute("ROLLBACK")
    other.close()
    assert store.append_events([click("b")], NOW).accepted == 1
    store.close()


def test_a_full_disk_keeps_nothing_of_the_batch_and_later_ones_land(made: Path) -> None:
    store = SqliteStore.open(made, Settings())
    (pages,) = store._writer.write(lambda conn: conn.execute("PRAGMA page_count").fetchone())
    store._writer.write(lambda conn: conn.execute(f"PRAGMA max_page_count = {pages + 2}").fetchone())
    before = store.read(0, 100)
    items = [Item(ItemId(f"i{n}"), "title", "body " * 1000) for n in range(20)]
    with pytest.raises(StoreFull, match="disk is full"):
        store.append_items(items, NOW)
    assert store.read(0, 100) == before
    assert store.rows_of(["x", "i0"]) == [0, None]
    store._writer.write(lambda conn: conn.execute("PRAGMA max_page_count = 100000").fetchone())
    assert store.append_items(items, NOW).accepted == 20
    assert store.rows_of(["x", "i0", "i19"]) == [0, 1, 20]
    store.close()


def test_writes_wait_for_the_disk_and_deletions_are_overwritten(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, Settings())
    pragmas = ("journal_mode", "synchronous", "secure_delete")
    found = store._writer.run_alone(lambda conn: [conn.execute(f"PRAGMA {p}").fetchone()[0] for p in pragmas])
    assert found == ["wal", 2, 1]
    store.close()


def test_many_may_open_a_new_directory_at_once(tmp_path: Path) -> None:
    stores: list[SqliteStore] = []
    threads = [
        threading.Thread(target=lambda: stores.append(SqliteStore.open(tmp_path / "new", Settings()))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(store.append_events([click("same")], NOW).accepted for store in stores) == 1
    for store in stores:
        store.close()
