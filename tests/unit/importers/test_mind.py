"""MIND's files: impressions, histories, and rows that are not as they should be."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from feedrank.errors import InvalidInput
from feedrank.importers.event_table import events_of, in_log_order
from feedrank.importers.fields import iso_micros
from feedrank.importers.mind import read_mind
from feedrank.importers.plan import ImportPlan
from feedrank.types import HOUR, MINUTE, Action, Event, Item

NEWS = "N1\tsports\ttennis\tA title\tAn abstract\thttps://x/1\t[]\t[]\nN2\tnews\tlocal\tB\t\t\t[]\t[]\n"
ROWS = (
    "7\tU1\t11/12/2019 2:14:46 PM\tN9 N2 N9\tN1-0 N3-1 N2-1",
    "8\tU1\t11/12/2019 2:20:00 PM\tN9 N2 N9 N3\tN1-1",
    "9\tU2\t11/11/2019 12:00:00 AM\t\tN1-0 N2-0",
)


def plan_of(tmp_path: Path, rows: Sequence[str] = ROWS, news: str = NEWS, extra: str | None = None) -> ImportPlan:
    (tmp_path / "news.tsv").write_text(news)
    (tmp_path / "behaviors.tsv").write_text("".join(row + "\n" for row in rows))
    if extra is not None:
        (tmp_path / "extra.tsv").write_text(extra)
    path = None if extra is None else tmp_path / "extra.tsv"
    return read_mind([tmp_path / "news.tsv"], [tmp_path / "behaviors.tsv"], path)


def events(plan: ImportPlan) -> list[Event]:
    return events_of(in_log_order(plan.events))


def at(text: str) -> int:
    micros = iso_micros(text)
    assert micros is not None
    return micros


def test_articles_become_items(tmp_path: Path) -> None:
    first, second = (row.item for row in plan_of(tmp_path).items)
    assert first == Item(
        first.item_id, "A title", "An abstract", "sports", "tennis", attributes={"url": "https://x/1"}
    )  # fmt: skip
    assert (second.item_id, second.attributes, second.published_at) == ("N2", {}, 0)


def test_an_impression_becomes_a_view_and_its_clicks(tmp_path: Path) -> None:
    noon = at("2019-11-12T14:14:46Z")
    view, first, second = (e for e in events(plan_of(tmp_path)) if e.time == noon)
    assert view.action is Action.VIEW and view.item_ids == ("N1", "N3", "N2") and view.user_id == "U1"
    assert [(e.action, e.item_id, e.position) for e in (first, second)] == [
        (Action.CLICK, "N3", 2), (Action.CLICK, "N2", 3),
    ]  # fmt: skip
    assert {e.request_id for e in (view, first, second)} == {f"mind:7:{noon // 1_000_000}"}


def test_a_history_becomes_reads_before_the_first_impression(tmp_path: Path) -> None:
    reads = [e for e in events(plan_of(tmp_path)) if not e.request_id]
    last = at("2019-11-12T14:14:46Z") - HOUR
    assert [(e.user_id, e.item_id, e.time) for e in reads] == [
        ("U1", "N9", last - 2 * MINUTE), ("U1", "N2", last - MINUTE), ("U1", "N9", last),
    ]  # fmt: skip
    assert {e.action for e in reads} == {Action.CLICK}


def test_the_first_impression_is_by_time_not_by_line(tmp_path: Path) -> None:
    reads = [e for e in events(plan_of(tmp_path, (ROWS[1], ROWS[0]))) if not e.request_id]
    assert [e.item_id for e in reads] == ["N9", "N2", "N9"]


def test_reading_again_gives_the_same_ids(tmp_path: Path) -> None:
    first, second = plan_of(tmp_path), plan_of(tmp_path, tuple(reversed(ROWS)))
    assert [e.event_id for e in events(first)] == [e.event_id for e in events(second)]
    assert len({e.event_id for e in events(first)}) == first.events.height


def test_two_splits_are_one_import(tmp_path: Path) -> None:
    """The dev split repeats impression numbers, and its histories hold the clicks of the train split."""
    (tmp_path / "news.tsv").write_text(NEWS)
    (tmp_path / "train.tsv").write_text("1\tU1\t11/12/2019 2:00:00 PM\tN9\tN1-1\n")
    (tmp_path / "dev.tsv").write_text("1\tU1\t11/15/2019 2:00:00 PM\tN9 N1\tN2-1\n")
    news = tmp_path / "news.tsv"
    found = events(read_mind([news, news], [tmp_path / "dev.tsv", tmp_path / "train.tsv"]))
    assert [e.item_id or e.item_ids for e in found] == ["N9", ("N1",), "N1", ("N2",), "N2"]
    assert len({e.request_id for e in found}) == 3  # two requests, and none


def test_bad_rows_are_named_and_the_rest_lands(tmp_path: Path) -> None:
    bad = (
        "1\tU1\t11/12/2019 2:14:46 PM\tN9",
        "2\tU1\t2019-11-12 14:14\t\tN1-0",
        "3\tU1\t11/12/2019 2:14:46 PM\t\t",
        "4\tU1\t11/12/2019 2:14:46 PM\t\tN1-0 N2",
        "5\t \t11/12/2019 2:14:46 PM\t\tN1-0",
        "6\tU1\t11/12/2019 2:14:46 PM\t\tN1-0 N2-2",
    )
    plan = plan_of(tmp_path, (*bad, *ROWS), NEWS + "N3\tcut\n\tsports\ttennis\tT\tA\tu\t[]\t[]\n")
    assert plan.notes["impressions"] == 3 and len(plan.items) == 2
    found = {
        f"{g.field} {g.reason}": ([(e.file, e.line) for e in g.examples], [e.value for e in g.examples])
        for g in plan.rejections.groups()
    }
    assert found == {
        "line has 2 columns, 8 expected": ([("news.tsv", 3)], [""]),
        "news_id is empty": ([("news.tsv", 4)], [""]),
        "line has 4 columns, 5 expected": ([("behaviors.tsv", 1)], [""]),
        "time is not a time like 11/12/2019 2:14:46 PM": ([("behaviors.tsv", 2)], ["2019-11-12 14:14"]),
        "impressions is empty": ([("behaviors.tsv", 3)], [""]),
        "impressions has a candidate that does not end in -0 or -1": (
            [("behaviors.tsv", 4), ("behaviors.tsv", 6)], ["N2", "N2-2"],
        ),
        "user_id is empty": ([("behaviors.tsv", 5)], [""]),
    }  # fmt: skip


def test_nothing_but_bad_rows_gives_an_empty_plan(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ("nonsense",), "nonsense\n")
    assert plan.events.height == 0 and plan.items == () and plan.rejections.count == 2
    assert events(plan) == []


def test_the_extra_file_gives_publisher_date_and_sentiment(tmp_path: Path) -> None:
    header = "news_id\tpublisher\tdate_published\tsentiment\n"
    plan = plan_of(tmp_path, extra=header + "N1\tOANN\t24.05.2022\tneutral\nN2\tX\t2022-05-24\tneutral\n")
    first, second = (row.item for row in plan.items)
    assert first.source == "OANN" and first.published_at == at("2022-05-24")
    assert first.attributes == {"url": "https://x/1", "sentiment": "neutral"}
    assert (second.source, second.published_at) == ("", 0)
    (group,) = plan.rejections.groups()
    assert (group.field, group.examples[0].line, group.examples[0].value) == ("date_published", 3, "2022-05-24")
    plan = plan_of(tmp_path, extra="news_id\tpublisher\nN2\tY\n")
    assert [row.item.source for row in plan.items] == ["", "Y"]


def test_an_extra_file_without_ids_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"extra\.tsv: the extra file needs the column\(s\) news_id"):
        plan_of(tmp_path, extra="publisher\nX\n")
