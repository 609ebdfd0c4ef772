import math
from pathlib import Path

import numpy as np
import pytest

from feedrank.analysis.page import render
from feedrank.errors import InvalidInput
from feedrank.rehearsal.kept import load, path_of, save
from feedrank.rehearsal.loop import FREE, FREE_SUFFIX, Night, Plan, SeedRun
from feedrank.rehearsal.measures import arms, by_day, over_seeds, ratio, verdict
from feedrank.rehearsal.report import page
from feedrank.simulator import WorldSettings
from feedrank.simulator.visits import Visits

DAYS = 3
RATES = {"random": 0.5, "newest": 0.8, "logging": 0.9, "trending": 1.0, "oracle": 2.0}


def visits(rate: float, rng: np.random.Generator, users: int = 30) -> Visits:
    sessions = DAYS * users * 4
    days = np.sort(rng.integers(0, DAYS, sessions))
    return Visits(
        rng.integers(0, users, sessions),
        days,
        np.ones(sessions, np.int64),
        rng.poisson(rate, sessions).astype(np.float64),
        0,
    )


def run(seed: int, service: float) -> SeedRun:
    """Arms whose true rates are known, in the same sessions."""
    rates = {**RATES, **{name + FREE_SUFFIX: RATES[name] for name in FREE}, "service": service}
    found = {name: visits(rate, np.random.default_rng([seed, i])) for i, (name, rate) in enumerate(rates.items())}
    first = found["random"]
    same = {
        name: Visits(first.users, first.days, first.feeds, each.clicks, each.ineligible) for name, each in found.items()
    }
    return SeedRun(seed, same, [Night(100, 2_000, 80, 120, 0.7, 3.0)], (5.0, 9.0), 0, "0123456789abcdef")


PLAN = Plan((1, 2, 3, 4), DAYS, WorldSettings(), "none", Path("cache"))
RUNS = [run(seed, 1.7) for seed in PLAN.seeds]


def test_clicks_per_session_of_a_day() -> None:
    given = Visits(np.zeros(4, np.int64), np.array([0, 0, 2, 2]), np.ones(4, np.int64), np.array([1.0, 2, 0, 5]), 0)
    np.testing.assert_array_equal(by_day(given, 3), [1.5, math.nan, 2.5])


def test_the_interval_over_seeds_is_students() -> None:
    found = over_seeds(np.array([1.0, 2.0, 3.0]))
    half = 4.302652729911275 * 1.0 / math.sqrt(3)  # t of 2 degrees of freedom at 97.5%, from printed tables
    assert (found.mean, found.low, found.high) == pytest.approx((2.0, 2.0 - half, 2.0 + half))
    assert math.isnan(over_seeds(np.array([1.0])).low)


def test_ratios_hold_what_is_true_and_are_paired() -> None:
    lift = ratio(RUNS, "trending", DAYS)
    for day in range(DAYS):
        assert abs(lift.days[day].mean - 1.7) < 2 * (lift.days[day].high - lift.days[day].mean)
        for each in lift.by_seed.values():
            assert each[day].low < each[day].mean < each[day].high
    itself = ratio(RUNS, "service", DAYS)
    assert all(i.low == i.mean == i.high == 1.0 for each in itself.by_seed.values() for i in each)


def test_the_verdict_asks_for_both() -> None:
    assert verdict([run(seed, 1.9) for seed in (1, 2, 3)], DAYS).reached
    assert not verdict([run(seed, 1.2) for seed in (1, 2, 3)], DAYS).reached


def test_arms_stand_in_order_of_the_last_day() -> None:
    found = arms(RUNS, DAYS)
    assert {found[0].name, found[1].name} == {"oracle", "oracle" + FREE_SUFFIX}
    assert found[2].name == "service" and found[-1].name == "random"


def test_the_page_says_whether_the_targets_are_reached() -> None:
    text = render(page(PLAN, RUNS, "python scripts/closed_loop.py"))
    reached = verdict(RUNS, DAYS).reached
    assert ("Both targets are reached" in text) == reached
    assert "01234567" in text and "of the oracle" in text


def test_a_kept_run_is_itself_again(tmp_path: Path) -> None:
    path = path_of(Plan((1,), DAYS, WorldSettings(), "none", tmp_path), WorldSettings(seed=1))
    save(path, RUNS[0])
    again = load(path)
    assert again.arms.keys() == RUNS[0].arms.keys()
    for name, each in again.arms.items():
        np.testing.assert_array_equal(each.clicks, RUNS[0].arms[name].clicks)
        np.testing.assert_array_equal(each.users, RUNS[0].arms[name].users)
    assert (again.nights, again.rank_ms, again.commit) == (RUNS[0].nights, RUNS[0].rank_ms, RUNS[0].commit)


def test_runs_of_other_worlds_are_kept_apart(tmp_path: Path) -> None:
    plan = Plan((1,), DAYS, WorldSettings(), "none", tmp_path)
    other = Plan((1,), DAYS + 1, WorldSettings(), "none", tmp_path)
    worlds = (WorldSettings(), WorldSettings(users=10), WorldSettings(seed=8))
    assert len({path_of(p, world) for p in (plan, other) for world in worlds}) == 6


def test_a_file_that_is_no_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("{}")
    with pytest.raises(InvalidInput, match="delete it"):
        load(path)
