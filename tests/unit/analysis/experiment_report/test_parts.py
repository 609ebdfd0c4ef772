"""The parts of a report against brute force: diversity, coverage, quantities by day, definitions, plans."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedrank.analysis.experiment_report import (
    Question,
    Trial,
    analyse,
    load_definitions,
    make_plan,
    plan_json,
    plan_page,
    report_json,
    report_page,
)
from feedrank.analysis.experiment_report.catalogue import rarefied
from feedrank.analysis.experiment_report.design import Design
from feedrank.analysis.experiment_report.ledger import keep_ledger
from feedrank.analysis.experiment_report.log_tables import read_log
from feedrank.analysis.experiment_report.population import gather_population
from feedrank.analysis.experiment_report.served import diversities, read_served
from feedrank.analysis.page import render
from feedrank.analysis.statistics import spread_of_both
from feedrank.errors import InvalidInput
from feedrank.types import DAY, HOUR, MINUTE, Action, Event, UserId
from tests.experiment_shop import NAME, START, Shop

GUARDRAIL = '[[metric]]\nname = "g"\ntitle = "G"\nnumerator = "clicks"\nrole = "guardrail"\nmargin = 0.1\n'


@settings(max_examples=15)
@given(st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=5))
def test_diversity_is_the_share_of_unlike_pairs(slates: list[list[int]]) -> None:
    categories = np.array([0, 1, 1, 2, 2, 3, 3])  # rows 7 and on were never described, row 0 has no category
    frame = pl.DataFrame({"rows": slates}, {"rows": pl.List(pl.Int64)})
    found = diversities(frame, categories)
    for rows, value in zip(slates, found.tolist(), strict=True):
        known = [categories[r] for r in rows if r < len(categories) and categories[r]]
        pairs = list(combinations(known, 2))
        if pairs:
            assert value == pytest.approx(np.mean([a != b for a, b in pairs]))
        else:
            assert np.isnan(value)


def test_coverage_is_the_expected_number_of_items_in_fewer_slates() -> None:
    rng = np.random.default_rng(0)
    holds = rng.random((12, 6)) < 0.3  # slates, items
    expected = rarefied(holds.sum(axis=0), 12, 4).sum()
    drawn = [holds[list(some)].any(axis=0).sum() for some in combinations(range(12), 4)]
    assert expected == pytest.approx(np.mean(drawn))
    assert rarefied(np.array([3]), 3, 3).tolist() == [1.0]


def test_quantities_count_what_their_definition_says(shop: Shop) -> None:
    """One reader: a day before, a first exposure at noon, a second session, a day of pause, another day."""
    before = shop.slate("u", START - DAY, rows=[0, 1])
    shop.answer("u", START - DAY, before, [0], places=2)
    noon = shop.slate("u", START + 12 * HOUR, "new", rows=[0, 1, 4], degraded=True)
    shop.answer("u", START + 12 * HOUR, noon, [0, 1], places=3)
    shop.slate("u", START + 12 * HOUR + 20 * MINUTE, "new")
    shop.slate("u", START + 14 * HOUR, "new")
    shop.slate("u", START + DAY, "new")
    shop.slate("u", START + 3 * DAY, "new")

    def did(name: str, action: Action, time: int, **more: Any) -> None:
        shop.events.append(Event(name, UserId("u"), time, action, "a2", **more))

    did("early", Action.CLICK, START + 11 * HOUR, request_id=noon)  # before the first exposure
    did("elsewhere", Action.CLICK, START + 13 * HOUR, request_id="push")  # answers no slate of the experiment
    did("short", Action.DWELL, START + 13 * HOUR, value=9.0)
    did("left open", Action.DWELL, START + 13 * HOUR, value=1e6)
    did("no value", Action.DWELL, START + 13 * HOUR)
    store = shop.written()
    tables = read_log(store, 2**62)
    served = read_served(store, NAME, 0, 2**62)
    served = served.with_columns(pl.Series("diversity", diversities(served, tables.categories)))
    population = gather_population(served, tables.events, Design(NAME, {"control": 1.0, "new": 1.0}), 1_000)
    ledger = keep_ledger(population, served, tables.events, load_definitions().quantity, 14, START + 4 * DAY)

    def total(name: str, through_day: int | None = None) -> Any:
        (value,) = ledger.totals(name, through_day).tolist()
        return value

    assert (total("slates"), total("slates", 0), ledger.before("slates").tolist()) == (5, 3, [1])
    assert (total("degraded"), total("shown")) == (1, 3 + 4 * 10)
    assert total("sessions") == 4  # 20 minutes are one session, more are another
    assert (total("clicks"), total("views"), ledger.before("clicks").tolist()) == (2, 3, [1])
    assert (total("reads"), total("dwell_s")) == (3, 30.0 + 30.0 + 9.0 + 1800.0)
    assert (total("active_days"), total("returns")) == (2, 1)  # day 3 is the last: nobody knows what follows it
    assert total("diversity", 0) == pytest.approx(2 / 3 + 2 * (1 - (2 * 3 + 2 * 1 + 2 * 3 + 2 * 1) / 90), abs=0.02)


def test_a_team_adds_and_replaces_metrics(tmp_path: Path) -> None:
    file = tmp_path / "metrics.toml"
    file.write_text(
        '[quantity.saves]\nof = "events"\naction = "SAVE"\nmeasure = "count"\n'
        '[[metric]]\nname = "saves"\ntitle = "Saves"\nnumerator = "saves"\n'
        '[[metric]]\nname = "diversity"\ntitle = "Variety"\nnumerator = "diversity"\ndenominator = "slates"\n'
        "[rules]\nplanned_effect = 0.05\n"
    )
    definitions = load_definitions(file)
    names = [m.name for m in definitions.metric]
    assert "saves" in names and names.count("diversity") == 1 and "ctr" in names
    assert definitions.rules.planned_effect == 0.05 and definitions.rules.bot_events_per_day == 1_000


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('[[metric]]\nname = "x"\ntitle = "X"\nnumerator = "y"\n', "metric 'x' names 'y'"),
        ('[quantity.q]\nof = "events"\naction = "READ"\nmeasure = "count"\n', "action 'READ'"),
        ('[quantity.q]\nof = "slates"\nmeasure = "value"\n', "measure 'value' of slates is none of"),
        ('[[metric]]\nname = "g"\ntitle = "G"\nnumerator = "clicks"\nrole = "guardrail"\n', "a guardrail has a margin"),
        ('[quantity.q]\nof = "slates"\nmeasure = "shown"\nat_most = 9.0\n', "at_most with rank_ms of slates"),
        ('[quantity.q]\nof = "slates"\nmeasure = "rank_ms"\nat_least = 9.0\n', "at_least and at_most go with events"),
        ("[[metric]\n", "is not valid TOML"),
        (GUARDRAIL + "absolute_margin = 0\n", "metric 'g', absolute_margin: Input should be greater than 0"),
        (GUARDRAIL + "absolute_margin = -0.1\n", "metric 'g', absolute_margin: Input should be greater than 0"),
        (GUARDRAIL + "absolute_margin = inf\n", "metric 'g', absolute_margin: Input should be a finite number"),
        (GUARDRAIL + 'absolute_margin = "much"\n', "metric 'g', absolute_margin: Input should be a valid number"),
        (GUARDRAIL + "absolute = 0.1\n", "metric 'g', absolute: Extra inputs are not permitted"),
        (
            '[[metric]]\nname = "g"\ntitle = "G"\nnumerator = "clicks"\nabsolute_margin = 0.1\n',
            "metric 'g': absolute_margin goes beside the margin of a guardrail",
        ),
        (
            '[[metric]]\nname = "g"\ntitle = "G"\nnumerator = "clicks"\nrole = "guardrail"\nabsolute_margin = 0.1\n',
            "metric 'g': a guardrail has a margin",
        ),
    ],
)
def test_wrong_definitions_are_said_plainly(tmp_path: Path, toml: str, message: str) -> None:
    file = tmp_path / "metrics.toml"
    file.write_text(toml)
    with pytest.raises(InvalidInput, match=message):
        load_definitions(file)


def test_a_plan_finds_the_run_time_in_the_logs_own_variance(shop: Shop) -> None:
    shop.live(300, 4, (0.1, 0.1), before_days=3)
    plan = make_plan(shop.written(), Trial(effect=0.15), load_definitions())
    ctr = next(o for o in plan.outlooks if o.metric.name == "ctr")
    smallest = [s.smallest_adjusted for s in ctr.steps]
    assert smallest[0] > smallest[-1]
    assert ctr.days == next((s.days for s in ctr.steps if s.smallest_adjusted <= 0.15), 0)
    assert all(s.smallest_adjusted <= s.smallest * 1.001 for s in ctr.steps)
    assert plan_json(plan)["metrics"]["ctr"]["users"] == ctr.users
    assert "hides_per_view" in plan.silent
    assert "Click rate of what was seen" in render(plan_page(plan))
    clicks = next(o for o in plan.outlooks if o.metric.name == "clicks_per_user")
    # what the longest step could find, planned for, takes the users it had
    spread = clicks.steps[-1].smallest_adjusted
    again = make_plan(shop.store, Trial(effect=spread), load_definitions())
    same = next(o for o in again.outlooks if o.metric.name == "clicks_per_user")
    assert same.users == pytest.approx(
        300 * spread_of_both(1.0, spread) ** 2 / spread_of_both(1.0, 0.15) ** 2, rel=0.02
    )


def test_a_plan_needs_more_than_a_day_and_something_seen(shop: Shop) -> None:
    with pytest.raises(InvalidInput, match="neither slates nor views"):
        make_plan(shop.store, Trial(effect=0.1), load_definitions())
    shop.live(10, 1, (0.1, 0.1))
    with pytest.raises(InvalidInput, match="less than two days"):
        make_plan(shop.written(), Trial(effect=0.1), load_definitions())
    with pytest.raises(InvalidInput, match="effect 0: give a share above 0"):
        Trial(effect=0.0)
    with pytest.raises(InvalidInput, match="treated 1: give a share above 0 and below 1"):
        Trial(effect=0.1, treated=1.0)


def test_the_report_is_written_for_people_and_machines(shop: Shop) -> None:
    shop.define()
    shop.live(400, 3, (0.1, 0.12), before_days=2)
    report = analyse(shop.written(), Question(NAME), load_definitions())
    page = render(report_page(report))
    assert report.verdicts[0].sentence.split("“")[0].replace("'", "&#39;") in page
    assert "Not in the log, so that no variant is judged by it: Time to make a feed, ms." in page
    values = report_json(report)
    assert values["counts"] == {"control": 200, "new": 200}
    assert values["unlogged"] == ["latency_ms"]
    assert {r["metric"] for r in values["readings"]} == {m.name for m in load_definitions().metric} - {"latency_ms"}
    assert {s["value"] for s in values["segments"]["new"]} >= {"desktop", "mobile"}
    assert values["verdicts"]["new"]["decision"] in ("ship", "do not ship", "keep running")
    hides = next(r for r in values["readings"] if r["metric"] == "hides_per_view")
    assert hides["events_seen"] == [0, 0] and hides["fixed"] == [-1.0, None] and hides["p_fixed"] is None
    assert "25% or 0.001" in page and "0 : 0" in page
    json.dumps(values, allow_nan=False)
