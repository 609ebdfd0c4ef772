"""EB-NeRD's files: impressions, reading times, and the repetitions between the files against a brute-force reading."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedrank.errors import InvalidInput
from feedrank.importers.ebnerd import read_ebnerd
from feedrank.importers.event_table import events_of, in_log_order
from feedrank.importers.fields import iso_micros
from feedrank.importers.plan import ImportPlan
from feedrank.types import SECOND, Action, Event

START = datetime(2023, 5, 18, 7, tzinfo=UTC).replace(tzinfo=None)
START_US = iso_micros(START.isoformat()) or 0
BEHAVIORS: Mapping[str, Any] = {
    "impression_id": pl.UInt32, "article_id": pl.Float64, "impression_time": pl.Datetime("us"), "read_time": pl.Float32,
    "article_ids_inview": pl.List(pl.Int32), "article_ids_clicked": pl.List(pl.Int32), "user_id": pl.UInt32,
    "is_subscriber": pl.Boolean, "age": pl.Float64, "session_id": pl.UInt32, "next_read_time": pl.Float32,
}  # fmt: skip
HISTORY: Mapping[str, Any] = {
    "user_id": pl.UInt32, "impression_time_fixed": pl.List(pl.Datetime("us")),
    "article_id_fixed": pl.List(pl.Int32), "read_time_fixed": pl.List(pl.Float32),
}  # fmt: skip

Read = tuple[int, int, int, float | None]  # user, article, seconds since START, seconds read


def impression(number: int, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "impression_id": number, "article_id": None, "impression_time": START, "read_time": 20.0,
        "article_ids_inview": [11, 12, 13], "article_ids_clicked": [12], "user_id": 1, "is_subscriber": False,
        "age": None, "session_id": 5, "next_read_time": 30.0,
    }  # fmt: skip
    return row | changes


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def write_behaviors(path: Path, rows: list[dict[str, Any]]) -> Path:
    pl.DataFrame(rows, schema=BEHAVIORS).write_parquet(path)
    return path


def write_history(path: Path, reads: list[Read]) -> Path:
    """One row per user, in order of first appearance, as the real files are."""
    users = list(dict.fromkeys(user for user, *_ in reads))
    rows = [
        {
            "user_id": user,
            "impression_time_fixed": [at(t) for u, _, t, _ in reads if u == user],
            "article_id_fixed": [a for u, a, _, _ in reads if u == user],
            "read_time_fixed": [s for u, _, _, s in reads if u == user],
        }
        for user in users
    ]
    pl.DataFrame(rows, schema=HISTORY).write_parquet(path)
    return path


def plan_of(tmp_path: Path, rows: list[dict[str, Any]], *histories: list[Read]) -> ImportPlan:
    paths = [write_history(tmp_path / f"history{i}.parquet", reads) for i, reads in enumerate(histories)]
    return read_ebnerd([write_behaviors(tmp_path / "behaviors.parquet", rows)], paths)


def events(plan: ImportPlan) -> list[Event]:
    return events_of(in_log_order(plan.events))


def facts(plan: ImportPlan) -> list[tuple[Action, str, int, float | None]]:
    return [(e.action, e.item_id, (e.time - START_US) // SECOND, e.value) for e in events(plan) if e.item_id]


def test_an_impression_becomes_view_click_and_dwell(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, [impression(48401)])
    view, click, dwell = events(plan)
    assert (view.action, view.item_ids, view.time) == (Action.VIEW, ("11", "12", "13"), START_US)
    assert (click.action, click.item_id, click.position, click.time) == (Action.CLICK, "12", 2, START_US)
    assert (dwell.action, dwell.item_id, dwell.value) == (Action.DWELL, "12", 30.0)
    assert dwell.time == START_US + (20 + 30) * SECOND  # the list was read for 20 s, then the page for 30 s
    assert view.request_id == click.request_id == "imp:48401" and dwell.request_id == ""
    assert {e.user_id for e in (view, click, dwell)} == {"1"} and view.session_id == "5"


def test_the_surface_is_the_kind_of_page(tmp_path: Path) -> None:
    rows = [impression(1), impression(2, article_id=9.0), impression(3, article_id=float("nan"))]
    found = {e.request_id: e.surface for e in events(plan_of(tmp_path, rows)) if e.action is Action.VIEW}
    assert found == {"imp:1": "front", "imp:2": "article", "imp:3": "front"}


@pytest.mark.parametrize("seconds", [None, float("nan")])
def test_without_a_reading_time_there_is_no_dwell(tmp_path: Path, seconds: float | None) -> None:
    assert facts(plan_of(tmp_path, [impression(1, next_read_time=seconds)])) == [(Action.CLICK, "12", 0, None)]


def test_a_dwell_never_stands_at_its_clicks_time(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, [impression(1, read_time=0.0, next_read_time=0.0)], [(2, 7, 100, 0.0)])
    assert [f for f in facts(plan) if f[0] is Action.DWELL] == [
        (Action.DWELL, "12", 1, 0.0), (Action.DWELL, "7", 101, 0.0),
    ]  # fmt: skip


def test_one_reading_time_for_several_clicks_is_nobodys(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, [impression(1, article_ids_clicked=[13, 11])])
    assert facts(plan) == [(Action.CLICK, "13", 0, None), (Action.CLICK, "11", 0, None)]


def test_a_click_outside_the_list_has_no_position(tmp_path: Path) -> None:
    clicks = [
        e for e in events(plan_of(tmp_path, [impression(1, article_ids_clicked=[99])])) if e.action is Action.CLICK
    ]
    assert [(e.item_id, e.position, e.request_id) for e in clicks] == [("99", None, "imp:1")]


def test_a_history_row_after_a_click_is_that_click(tmp_path: Path) -> None:
    history: list[Read] = [(1, 12, -1, 5.0), (1, 12, 0, 5.0), (1, 12, 300, 5.0), (1, 12, 301, 5.0), (2, 12, 10, None)]
    plan = plan_of(tmp_path, [impression(1)], history)
    assert [f for f in facts(plan) if f[0] is Action.CLICK] == [
        (Action.CLICK, "12", -1, None), (Action.CLICK, "12", 0, None),
        (Action.CLICK, "12", 10, None), (Action.CLICK, "12", 301, None),
    ]  # fmt: skip
    assert plan.notes["history_rows_that_are_clicks_of_impressions"] == 2
    assert plan.collapsed == 2


def test_a_click_without_reading_time_borrows_its_history_rows(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path, [impression(1, next_read_time=None)], [(1, 12, 25, None), (1, 12, 26, 40.0), (1, 12, 27, 9.0)]
    )
    assert facts(plan) == [(Action.CLICK, "12", 0, None), (Action.DWELL, "12", 26 + 40, 40.0)]


def test_what_stands_in_two_history_files_is_one_read(tmp_path: Path) -> None:
    first: list[Read] = [(1, 12, -500, 5.0), (1, 13, -400, 6.0)]
    plan = plan_of(tmp_path, [impression(1, article_ids_clicked=[])], first, [(1, 13, -400, 6.0), (1, 14, -300, 7.0)])
    clicks = [f[1:3] for f in facts(plan) if f[0] is Action.CLICK]
    assert clicks == [("12", -500), ("13", -400), ("14", -300)]
    assert plan.notes["history_rows_repeated_in_the_history"] == 1


times = st.integers(0, 40).map(lambda n: n * 25)
durations = st.none() | st.integers(0, 90).map(float)
shown_rows = st.builds(
    lambda user, t, clicked, read, after: impression(
        0, user_id=user, impression_time=at(t), article_ids_clicked=clicked, read_time=read, next_read_time=after
    ),
    st.integers(1, 2), times, st.lists(st.integers(11, 13), max_size=2, unique=True), durations, durations,
)  # fmt: skip
history_rows = st.lists(st.tuples(st.integers(1, 2), st.integers(11, 13), times, durations), max_size=12)


@settings(max_examples=60)
@given(st.lists(shown_rows, min_size=1, max_size=6), history_rows, history_rows)
def test_repetitions_against_brute_force(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], first: list[Read], second: list[Read]
) -> None:
    rows = [row | {"impression_id": i} for i, row in enumerate(rows)]
    plan = plan_of(tmp_path_factory.mktemp("ebnerd"), rows, first, second)
    found = sorted((int(e.user_id), *f) for e, f in zip(item_events(plan), facts(plan), strict=True))
    assert [tuple(map(str, f)) for f in found] == [tuple(map(str, f)) for f in sorted(reference(rows, first, second))]


def item_events(plan: ImportPlan) -> list[Event]:
    return [e for e in events(plan) if e.item_id]


def reference(rows: list[dict[str, Any]], *files: list[Read]) -> list[tuple[int, Action, str, int, float | None]]:
    """Reads by reading the rules aloud, one pair of rows at a time."""
    in_file_order = [r for f in files for u in dict.fromkeys(r[0] for r in f) for r in f if r[0] == u]
    distinct: dict[tuple[int, int, int], float | None] = {}
    for user, article, t, seconds in in_file_order:
        distinct.setdefault((user, article, t), seconds)
    clicks = [
        (r["user_id"], a, int((r["impression_time"] - START).total_seconds()), r)
        for r in rows
        for a in r["article_ids_clicked"]
    ]
    found: list[tuple[int, Action, str, int, float | None]] = []
    repeats: dict[tuple[int, int, int], list[tuple[int, float]]] = {}
    for (user, article, t), seconds in sorted(distinct.items(), key=lambda kv: kv[0][2]):
        before = [c for u, a, c, _ in clicks if (u, a) == (user, article) and 0 <= t - c <= 300]
        if before:
            if seconds is not None:
                repeats.setdefault((user, article, max(before)), []).append((t, seconds))
            continue
        found.append((user, Action.CLICK, str(article), t, None))
        if seconds is not None:
            found.append((user, Action.DWELL, str(article), t + max(1, int(seconds)), seconds))
    for user, article, t, row in clicks:
        found.append((user, Action.CLICK, str(article), t, None))
        seconds = row["next_read_time"] if len(row["article_ids_clicked"]) == 1 else None
        opened = t + int(row["read_time"] or 0)
        if seconds is None and repeats.get((user, article, t)):
            opened, seconds = repeats[user, article, t][0]
        if seconds is not None:
            found.append((user, Action.DWELL, str(article), opened + max(1, int(seconds)), seconds))
    return found


def test_users_keep_only_whether_they_subscribe(tmp_path: Path) -> None:
    rows = [
        impression(1, user_id=1, is_subscriber=False, age=30.0), impression(2, user_id=2, is_subscriber=None),
        impression(3, user_id=1, is_subscriber=True, impression_time=at(9)),
    ]  # fmt: skip
    (row,) = plan_of(tmp_path, rows).users
    assert row.user.user_id == "1" and row.user.attributes == {"subscriber": "true"}


def test_bad_rows_are_named_and_the_rest_lands(tmp_path: Path) -> None:
    rows = [
        impression(1), impression(2, user_id=None), impression(3, article_ids_inview=[]),
        impression(4, impression_time=None), impression(5, next_read_time=float("inf")),
        impression(6, article_ids_inview=[1, None]), impression(7, read_time=-1.0),
    ]  # fmt: skip
    plan = plan_of(tmp_path, rows, [(1, 12, -500, -3.0), (1, 13, -400, 6.0)])
    assert plan.notes["impressions"] == 1 and plan.notes["history_rows"] == 1
    assert {(g.field, g.reason, g.examples[0].line) for g in plan.rejections.groups()} == {
        ("user_id", "is missing", 2),
        ("article_ids_inview", "is empty", 3),
        ("impression_time", "is missing", 4),
        ("next_read_time", "is not a reading time in seconds", 5),
        ("article_ids_inview", "holds an empty entry", 6),
        ("read_time", "is not a reading time in seconds", 7),
        ("read_time_fixed", "is not a reading time in seconds", 1),
    }


def test_history_lists_of_unequal_length_are_refused(tmp_path: Path) -> None:
    row = {"user_id": 1, "impression_time_fixed": [START], "article_id_fixed": [1, 2], "read_time_fixed": [1.0]}
    pl.DataFrame([row], schema=HISTORY).write_parquet(tmp_path / "h.parquet")
    plan = read_ebnerd([write_behaviors(tmp_path / "b.parquet", [impression(1)])], [tmp_path / "h.parquet"])
    (group,) = plan.rejections.groups()
    assert (group.field, group.reason) == ("article_id_fixed", "is not as long as impression_time_fixed")


def test_optional_columns_may_be_missing(tmp_path: Path) -> None:
    needed = ["impression_id", "impression_time", "article_ids_inview", "article_ids_clicked", "user_id"]
    pl.DataFrame([impression(1)], schema=BEHAVIORS).select(needed).write_parquet(tmp_path / "b.parquet")
    write_history(tmp_path / "h.parquet", [(1, 5, -9, 3.0)])
    pl.read_parquet(tmp_path / "h.parquet").drop("read_time_fixed").write_parquet(tmp_path / "h.parquet")
    plan = read_ebnerd([tmp_path / "b.parquet"], [tmp_path / "h.parquet"])
    assert facts(plan) == [(Action.CLICK, "5", -9, None), (Action.CLICK, "12", 0, None)] and plan.users == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop("user_id"), r"a behaviors file needs the column\(s\) user_id; the file has"),
        (
            lambda f: f.with_columns(article_ids_inview=pl.lit(1)),
            "article_ids_inview cannot be made from a column of Int32",
        ),
        (lambda f: f.with_columns(next_read_time=pl.lit("x")), "column next_read_time holds String; numbers expected"),
        (lambda f: f.with_columns(impression_time=pl.lit(5)), "column impression_time holds Int32; times expected"),
    ],
)
def test_a_file_of_another_shape_is_refused(
    tmp_path: Path, change: Callable[[pl.DataFrame], pl.DataFrame], message: str
) -> None:
    change(pl.DataFrame([impression(1)], schema=BEHAVIORS)).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(InvalidInput, match=rf"b\.parquet: .*{message}"):
        read_ebnerd([tmp_path / "b.parquet"])


def test_articles_become_items(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "article_id": [12, None, 13],
            "title": ["T", "x", None],
            "subtitle": ["S", "", None],
            "body": ["B", "", None],
            "category_str": ["sport", "", None],
            "subcategory": [[196, 227], [], None],
            "topics": [["Kendt"], [], None],
            "published_time": [START, None, None],
            "last_modified_time": [at(9), None, None],
            "premium": [True, None, None],
            "total_pageviews": [7, 7, 7],
        }
    )
    frame.write_parquet(tmp_path / "articles.parquet")
    behaviors = write_behaviors(tmp_path / "b.parquet", [impression(1)])
    plan = read_ebnerd([behaviors], articles=tmp_path / "articles.parquet")
    first, second = (row.item for row in plan.items)
    assert (first.item_id, first.title, first.body, first.category) == ("12", "T", "S\nB", "sport")
    assert (first.subcategory, first.tags, first.language) == ("196", ("Kendt",), "da")
    assert (first.published_at, first.updated_at) == (START_US, 0)
    assert first.attributes == {"premium": "true"}  # and nothing of the future
    assert (second.item_id, second.title, second.tags) == ("13", "", ())
    assert [row.line for row in plan.items] == [1, 3]


def test_the_real_files_repeat_each_other_as_documented(data_dir_of: Callable[[str], Path]) -> None:
    """The counts the data set's description gives, and what is left of them."""
    folder = data_dir_of("ebnerd_demo")
    splits = [folder / "train", folder / "validation"]
    keys = ["user_id", "impression_time_fixed", "article_id_fixed"]
    train, validation = (
        pl.read_parquet(s / "history.parquet", columns=keys).explode(*keys[1:]) for s in splits
    )  # fmt: skip
    assert train.join(validation, on=keys).height == 150_419
    plan = read_ebnerd([s / "behaviors.parquet" for s in splits], [s / "history.parquet" for s in splits])
    reads = pl.concat([train, validation])
    assert plan.notes["impressions"] == 24_724 + 12_749
    assert plan.notes["history_rows"] == reads.height == 498_376
    assert plan.notes["history_rows_repeated_in_the_history"] == reads.height - reads.n_unique() == 150_431
    assert plan.notes["history_rows_that_are_clicks_of_impressions"] == 23_016
    assert plan.rejections.count == 0
    kinds = dict(plan.events.group_by("action").len().iter_rows())
    clicked = sum(
        pl.read_parquet(s / "behaviors.parquet")["article_ids_clicked"].list.len().sum() for s in splits
    )  # fmt: skip
    assert kinds[Action.CLICK] == clicked + reads.n_unique() - 23_016
