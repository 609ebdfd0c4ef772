"""Events and items from tables of any format, as the flags map them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from feedrank.errors import InvalidInput
from feedrank.importers.event_file import read_files
from feedrank.importers.event_table import events_of
from feedrank.importers.fields import TimeUnit
from feedrank.importers.mapping import TableFlags, parse_flags
from feedrank.importers.plan import ImportPlan
from feedrank.types import Action, Event, Item, ItemId, UserId

T = 1_700_000_000_000_000
ROWS: list[dict[str, Any]] = [
    {"event_id": "e1", "user_id": "u1", "time": "2023-11-14T22:13:20Z", "action": "VIEW", "item_ids": ["a", "b"],
     "request_id": "r1", "session_id": "s", "surface": "front"},
    {"event_id": "e2", "user_id": "u1", "time": "2023-11-14T22:13:20Z", "action": "CLICK", "item_id": "b",
     "request_id": "r1", "position": 2},
    {"event_id": "e3", "user_id": "u1", "time": "2023-11-14T22:13:20Z", "action": "DWELL", "item_id": "b",
     "value": 4.5},
    {"event_id": "e4", "user_id": "u2", "time": "2023-11-14T22:13:20Z", "action": "SEARCH", "query": "tour; de"},
    {"event_id": "e5", "user_id": "u2", "time": "2023-11-14T22:13:20Z", "action": "FOLLOW", "target": "author:x"},
]  # fmt: skip
EVENTS = [
    Event("e1", UserId("u1"), T, Action.VIEW, request_id="r1", session_id="s", item_ids=("a", "b"), surface="front"),
    Event("e2", UserId("u1"), T, Action.CLICK, "b", request_id="r1", position=2),
    Event("e3", UserId("u1"), T, Action.DWELL, "b", 4.5),
    Event("e4", UserId("u2"), T, Action.SEARCH, query="tour; de"),
    Event("e5", UserId("u2"), T, Action.FOLLOW, target="author:x"),
]


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """The same rows in the format of the file's suffix."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path
    frame = pl.DataFrame(rows, infer_schema_length=None)
    if path.suffix == ".parquet":
        frame.write_parquet(path)
        return path
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    frame.with_columns(pl.col(lists).list.join(";")).write_csv(path, separator="\t" if path.suffix == ".tsv" else ",")
    return path


def read(path: Path, flags: TableFlags | None = None, items: Path | None = None) -> ImportPlan:
    return read_files(path, items, flags or TableFlags())


@pytest.mark.parametrize("name", ["f.csv", "f.tsv", "f.jsonl", "f.parquet"])
def test_columns_named_as_the_fields(tmp_path: Path, name: str) -> None:
    plan = read(write(tmp_path / name, ROWS))
    assert events_of(plan.events) == EVENTS
    assert plan.rejections.count == 0 and plan.files[0].rows == 5


@pytest.mark.parametrize("name", ["f.csv", "f.jsonl", "f.parquet"])
def test_columns_mapped_by_flags(tmp_path: Path, name: str) -> None:
    rows = [{"user_id": 7, "who": 9, "article": 31, "ts": 1_700_000_000_000, "kind": "pv"}]
    flags = parse_flags(["user_id=who", "session_id=user_id", "item_id=article", "time=ts", "action=kind"],
                        ["surface=app"], ["pv=VIEW"], TimeUnit.MS)  # fmt: skip
    (event,) = events_of(read(write(tmp_path / name, rows), flags).events)
    assert event == Event(
        event.event_id, UserId("9"), T, Action.VIEW, "31", session_id="7", surface="app"
    )  # fmt: skip
    assert len(event.event_id) == 24


def test_columns_of_other_names_are_ignored(tmp_path: Path) -> None:
    path = write(tmp_path / "f.parquet", [{**ROWS[1], "vector": {"x": 1}, "Value": "nan"}])
    assert events_of(read(path).events) == [EVENTS[1]]


def test_bad_rows_are_named_and_the_rest_lands(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    lines = [
        "user_id,time,action,item_id,value,position",
        "u,2023-11-14T22:13:20Z,CLICK,a,,1",
        "u,yesterday,CLICK,a,,",
        "u,2023-11-14T22:13:20Z,TAP,a,,",
        "u,2023-11-14T22:13:20Z,DWELL,a,nan,",
        ",2023-11-14T22:13:20Z,CLICK,a,,",
        "u,2023-11-14T22:13:20Z,CLICK,a,,first",
        "u,2023-11-14T22:13:20Z,CLI",
        "u,2023-11-14T22:13:21Z,CLICK,a,,2",
    ]
    path.write_text("\n".join(lines))
    plan = read(path)
    assert [e.position for e in events_of(plan.events)] == [1, 2]
    found = [(g.field, g.examples[0].line, g.examples[0].value) for g in plan.rejections.groups()]
    assert sorted(found) == [
        ("action", 4, "TAP"), ("line", 8, ""), ("position", 7, "first"), ("time", 3, "yesterday"),
        ("user_id", 6, ""), ("value", 5, "nan"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "maps", "sets", "message"),
    [
        (
            "user_id,time,item_id",
            [],
            [],
            "no column for action; name it with --map action=COLUMN or --set action=VALUE",
        ),
        ("user_id,time,item_id", ["action=kind"], [], "--map action=kind: no such column; the file has user_id, time"),
        ("user_id,time,article", [], ["action=CLICK"], "no column for item_id or item_ids"),
        ("user_id,time,item_id", ["item.title=t"], ["action=CLICK"], "but no --items file is given"),
    ],
)
def test_flags_that_do_not_fit_the_file_are_refused(
    tmp_path: Path, header: str, maps: list[str], sets: list[str], message: str
) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"{header}\nu,2023-11-14,a\n")
    with pytest.raises(InvalidInput) as e:
        read(path, parse_flags(maps, sets))
    assert message in str(e.value)


@pytest.mark.parametrize("name", ["f.csv", "f.jsonl", "f.parquet"])
def test_items_come_with_the_events(tmp_path: Path, name: str) -> None:
    rows: list[dict[str, Any]] = [
        {"item_id": 12, "headline": "T", "body": "B", "tags": ["x", "y"], "published_at": "2023-11-14T22:13:20Z",
         "attributes.url": "https://x", "attributes": '{"premium": true, "none": null}'},
        {"item_id": 13, "headline": None, "body": None, "tags": [], "published_at": None,
         "attributes.url": None, "attributes": None},
    ]  # fmt: skip
    items = write(tmp_path / f"items{Path(name).suffix}", rows)
    flags = parse_flags(["item.title=headline"], ["item.language=da"])
    first, second = (row.item for row in read(write(tmp_path / name, ROWS), flags, items).items)
    assert first == Item(
        ItemId("12"), "T", "B", language="da", tags=("x", "y"), published_at=T,
        attributes={"url": "https://x", "premium": "true"},
    )  # fmt: skip
    assert second == Item(ItemId("13"), language="da")


def test_attributes_may_be_objects(tmp_path: Path) -> None:
    events = write(tmp_path / "e.jsonl", ROWS)
    rows: list[dict[str, Any]] = [{"item_id": "1", "attributes": {"a": "b", "n": 2}}]
    for name in ("i.jsonl", "i.parquet"):
        (row,) = read(events, items=write(tmp_path / name, rows)).items
        assert row.item.attributes == {"a": "b", "n": "2"}
    (tmp_path / "i.jsonl").write_text(
        '{"item_id": "1", "attributes": {"a": [1]}}\n{"item_id": "2", "attributes": "x"}\n'
    )
    plan = read(events, items=tmp_path / "i.jsonl")
    assert plan.items == () and plan.rejections.groups()[0].count == 2


def test_time_units_hold_for_items_too(tmp_path: Path) -> None:
    events = write(tmp_path / "e.csv", [{"user_id": "u", "time": T // 1_000_000, "action": 2, "item_id": "a"}])
    items = write(tmp_path / "i.csv", [{"item_id": "a", "published_at": T // 1_000_000}])
    plan = read(events, TableFlags(time_unit=TimeUnit.S), items)
    assert plan.events["time"].to_list() == [T] and plan.items[0].item.published_at == T


def test_times_with_a_type_need_no_unit(tmp_path: Path) -> None:
    at = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    path = write(tmp_path / "e.parquet", [{"user_id": "u", "time": at, "action": "CLICK", "item_id": "a"}])
    assert read(path).events["time"].to_list() == [T]


def test_an_empty_file_gives_an_empty_plan(tmp_path: Path) -> None:
    header = "user_id,time,article\n"
    for name, text, reason in (
        ("e.csv", "", "is empty"),
        ("e.jsonl", "", "is empty"),
        ("h.csv", header, "holds no rows"),
    ):
        (tmp_path / name).write_text(text)
        plan = read(tmp_path / name, parse_flags(["item_id=article"], ["action=CLICK"]))
        assert plan.events.height == 0 and events_of(plan.events) == []
        assert [g.reason for g in plan.rejections.groups()] == [reason]


def test_a_copy_of_a_file_gives_the_same_ids(tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "event_id"} for row in ROWS]
    one = read(write(tmp_path / "one.jsonl", rows)).events["event_id"].to_list()
    two = read(write(tmp_path / "two.parquet", rows)).events["event_id"].to_list()
    assert one == two and len(set(one)) == len(ROWS)
