"""Writing a plan to a real store: once, in order, with what was refused by name."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from feedrank.errors import StoreFull
from feedrank.importers.event_table import EVENT_COLUMNS, FILE, with_event_ids
from feedrank.importers.plan import FileCount, ImportPlan, ItemRow, UserRow, Written
from feedrank.importers.rejections import LINE, Rejections
from feedrank.importers.write import EVENT_BATCH, write_plan
from feedrank.records import EventRecorded, ItemUpserted, decode
from feedrank.settings import DataSettings, Settings
from feedrank.store.data_settings import load_data_settings, save_data_settings
from feedrank.store.sqlite import SqliteStore
from feedrank.types import HOUR, SECOND, Action, Event, Item, ItemId, Micros, User, UserId, WriteResult

T: Micros = 1_700_000_000 * SECOND
NOW: Micros = T + 24 * HOUR
FILES = (FileCount(Path("items.csv"), 9), FileCount(Path("events.csv"), 9))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "data", Settings())
    yield opened
    opened.close()


def events(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    schema = EVENT_COLUMNS | {FILE: pl.Int32(), LINE: pl.Int64()}
    defaults = {"user_id": "u", "time": T, "action": int(Action.CLICK), FILE: 1}
    full = [defaults | {LINE: line} | row for line, row in enumerate(rows, 2)]
    return with_event_ids(pl.DataFrame(full, schema=schema), "test")


def plan(
    rows: Sequence[dict[str, Any]] = (), items: Sequence[Item] = (), users: Sequence[User] = (), collapsed: int = 0
) -> ImportPlan:
    return ImportPlan(
        FILES, Rejections(), tuple(ItemRow(item, 0, line) for line, item in enumerate(items, 2)), events(rows),
        tuple(UserRow(user, 1, line) for line, user in enumerate(users, 2)), collapsed,
    )  # fmt: skip


def ignore(_: int) -> None:
    return


def item(item_id: str, **fields: Any) -> Item:
    return Item(ItemId(item_id), **fields)


def log_of(store: SqliteStore) -> list[object]:
    return [decode(record) for record in store.read(0, 1_000)]


def test_everything_lands_once(store: SqliteStore) -> None:
    rows: list[dict[str, Any]] = [
        {"item_id": "a", "time": T + 1},
        {"item_ids": ["a", "b"], "action": 1, "request_id": "r"},
        {"item_id": "b"},
    ]
    whole = plan(rows, [item("a", title="A"), item("b")], [User(UserId("u"), attributes={"subscriber": "true"})], 4)
    told: list[int] = []
    summary = write_plan(whole, store, NOW, told.append)
    assert summary.items == Written(2, 2, 0, 0) and summary.users == Written(1, 1, 0, 0)
    assert summary.events == Written(read=7, accepted=3, duplicates=4, rejected=0)
    assert (summary.rows, summary.rows_rejected, summary.unlisted_items, summary.nothing_landed) == (18, 0, 0, False)
    assert sum(told) == whole.records
    position = store.position()
    again = write_plan(whole, store, NOW + HOUR, ignore)
    assert store.position() == position
    assert (again.items, again.users, again.events) == (Written(2, 0, 2), Written(1, 0, 1), Written(7, 0, 7))
    assert not again.nothing_landed


def test_records_are_imported_in_order_of_time_views_first(store: SqliteStore) -> None:
    rows: list[dict[str, Any]] = [
        {"item_id": "b", "time": T + 5, "request_id": "r", "position": 1},
        {"item_ids": ["b"], "time": T + 5, "action": 1, "request_id": "r"},
        {"item_id": "a", "time": T},
    ]
    write_plan(plan(rows, [item("z", published_at=T), item("y", published_at=T - 1)]), store, NOW, ignore)
    facts = log_of(store)
    assert [f.item.item_id for f in facts if isinstance(f, ItemUpserted)] == ["y", "z"]
    found = [f for f in facts if isinstance(f, EventRecorded)]
    assert [(f.time - T, f.action) for f in found] == [(0, Action.CLICK), (5, Action.VIEW), (5, Action.CLICK)]
    assert found[2].answers_view
    assert all(f.imported and f.received_at == f.time for f in found)


def test_of_two_rows_of_one_version_the_first_counts(store: SqliteStore) -> None:
    rows = [item("a", title="new", updated_at=T + 2), item("a", title="first", updated_at=T), item("a", updated_at=T)]
    whole = plan(items=rows)
    assert write_plan(whole, store, NOW, ignore).items == Written(3, 2, 1, 0)
    position = store.position()
    assert write_plan(whole, store, NOW, ignore).items == Written(3, 0, 3, 0)
    assert store.position() == position
    (stored,) = store.items([0])
    assert stored is not None and stored.title == "new"


def test_what_the_store_refuses_is_named_by_file_and_line(store: SqliteStore) -> None:
    rows: list[dict[str, Any]] = [
        {"item_id": "a"}, {"item_id": ""}, {"item_id": "a", "time": 5}, {"item_id": "a", "time": 0},
        {"item_id": "a", "user_id": "someone" * 50}, {"item_id": "a", "action": 3, "value": -1.0},
    ]  # fmt: skip
    items = [item("a"), item("b", title="x" * 9_000), item("c", attributes={"k": "\0"})]
    summary = write_plan(plan(rows, items, [User(UserId("v" * 300))]), store, NOW, ignore)
    assert summary.items == Written(3, 1, 0, 2) and summary.events == Written(6, 1, 0, 5)
    assert summary.users == Written(1, 0, 0, 1)
    found = {(g.field, e.file, e.line) for g in summary.rejected for e in g.examples}
    assert found == {
        ("title", "items.csv", 3), ('attributes["…"]', "items.csv", 4), ("item_id", "events.csv", 3),
        ("time", "events.csv", 4), ("time", "events.csv", 5), ("user_id", "events.csv", 6),
        ("value", "events.csv", 7), ("user_id", "events.csv", 2),
    }  # fmt: skip
    assert "someone" not in str(summary.as_json())


@pytest.mark.parametrize(
    ("flag", "listed", "served"),
    [(None, True, False), (None, False, True), (True, True, True), (False, False, False)],
)
def test_unlisted_items_are_served_where_the_events_show_some(
    store: SqliteStore, flag: bool | None, listed: bool, served: bool
) -> None:
    save_data_settings(store, DataSettings(served_counts_as_seen=True))
    items = [item("a"), item("b")] if listed else [item("a")]
    rows: list[dict[str, Any]] = [{"item_id": "a"}, {"item_ids": ["a", "b"], "action": 1}]
    summary = write_plan(plan(rows, items), store, NOW, ignore, flag)
    assert summary.unlisted_items == (0 if listed else 1)
    assert summary.serve_unlisted_items is served
    assert load_data_settings(store) == DataSettings(serve_unlisted_items=served, served_counts_as_seen=True)


def test_serving_unlisted_items_is_never_taken_back(store: SqliteStore) -> None:
    save_data_settings(store, DataSettings(serve_unlisted_items=True))
    assert write_plan(plan([{"item_id": "a"}], [item("a")]), store, NOW, ignore, False).serve_unlisted_items


def test_what_a_backend_said_of_a_user_stays(store: SqliteStore) -> None:
    told = User(UserId("u"), language="da")
    store.append_users([told], NOW)
    write_plan(plan(users=[User(UserId("u"), attributes={"subscriber": "true"})]), store, NOW, ignore)
    assert store.account(UserId("u")).user == told


def test_nothing_in_nothing_landed(store: SqliteStore) -> None:
    summary = write_plan(plan(), store, NOW, ignore)
    assert summary.nothing_landed and summary.as_json()["events"]["read"] == 0
    assert not load_data_settings(store).serve_unlisted_items


class FullAfterOneBatch(SqliteStore):
    """A store whose disk fills up behind the first batch of events."""

    batches = 0

    def append_events(self, events_in: Sequence[Event], received_at: Micros | None) -> WriteResult:
        self.batches += 1
        if self.batches > 1:
            raise StoreFull("the disk is full")
        return super().append_events(events_in, received_at)


def test_a_full_disk_says_how_far_it_came_and_a_second_run_completes(tmp_path: Path) -> None:
    whole = plan([{"item_id": "a", "time": T + i} for i in range(EVENT_BATCH + 1)])
    store = FullAfterOneBatch.open(tmp_path, Settings())
    assert isinstance(store, FullAfterOneBatch)
    try:
        with pytest.raises(
            StoreFull, match=f"the disk is full \\({EVENT_BATCH} of {EVENT_BATCH + 1} events were written"
        ):
            write_plan(whole, store, NOW, ignore)
        store.batches = -10
        summary = write_plan(whole, store, NOW, ignore)
    finally:
        store.close()
    assert summary.events == Written(EVENT_BATCH + 1, 1, EVENT_BATCH, 0)
