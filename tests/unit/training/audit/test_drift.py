"""Drift: nothing where nothing moved, the index by hand where something did, and calibration that goes wrong."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from feedrank.analysis.model_report.drift_page import drift_page
from feedrank.analysis.page import render
from feedrank.training.audit.drift import MARGIN, drifts, moved, probabilities_by_day, stability_index
from feedrank.training.dataset import Dataset
from feedrank.types import DAY, F32, F64


class Linear:
    """The first column is the margin, and, if asked for, the second the click probability."""

    name = "linear"
    features: tuple[str, ...] = ("a", "b")

    def __init__(self, probabilities: bool) -> None:
        self._probabilities = probabilities

    def score(self, rows: F32) -> Mapping[str, F64]:
        columns = {"margin": rows[:, 0].astype(np.float64)}
        return columns | ({"click_probability": rows[:, 1].astype(np.float64)} if self._probabilities else {})

    def contributions(self, rows: F32) -> F64:
        return np.column_stack([rows[:, 0], np.zeros((len(rows), 2))]).astype(np.float64)


def dataset(seed: int, days: int = 4, each: int = 500) -> Dataset:
    """Impressions of two items; "b" is the true probability of a click."""
    rng = np.random.default_rng(seed)
    r = days * each
    rows = np.column_stack([rng.standard_normal(2 * r), rng.uniform(0.05, 0.5, 2 * r)]).astype(np.float32)
    labels = (rng.random(2 * r) < rows[:, 1]).astype(np.int8)
    names = tuple(f"u{i % 97}" for i in range(r))
    times = np.repeat(np.arange(days), each) * DAY + 5
    entries = np.ones(2 * r, np.bool_)
    return Dataset(
        ("a", "b"),
        rows,
        labels,
        entries,
        np.zeros(2 * r, np.int32),
        np.arange(0, 2 * r + 1, 2),
        times,
        np.zeros(r, np.int8),
        names,
        names,
    )


def test_the_index_by_hand() -> None:
    before = np.repeat([0.0, 1.0], 50)
    now = np.repeat([0.0, 1.0], [20, 80])
    by_hand = (0.2 - 0.5) * np.log(0.2 / 0.5) + (0.8 - 0.5) * np.log(0.8 / 0.5)
    assert stability_index(before, now) == pytest.approx(by_hand)
    assert stability_index(before, before) == 0.0
    gone = np.where(np.arange(100) < 30, np.nan, before)
    assert stability_index(before, gone) > 0.25
    assert np.isfinite(stability_index(np.full(5, np.nan), before))


def test_what_moved_comes_first_and_the_rest_is_steady() -> None:
    before, now = dataset(0), dataset(1)
    assert moved(drifts(before, now, Linear(False))) == []
    shifted = replace(now, rows=now.rows + np.array([1.0, 0.0], np.float32))
    found = drifts(before, shifted, Linear(False))
    assert {d.column for d in moved(found)} == {"a", MARGIN}
    assert [d.verdict for d in found] == ["shifted", "shifted", "steady"]
    assert found[0].mean_now - found[0].mean_before == pytest.approx(1.0, abs=0.1)


def test_calibration_is_followed_by_day() -> None:
    data = dataset(2)
    assert probabilities_by_day(data, Linear(False)) == []
    days = probabilities_by_day(data, Linear(True))
    assert [d.day for d in days] == [0, DAY, 2 * DAY, 3 * DAY]
    assert sum(not d.excess.excludes_zero for d in days) >= 3
    late = np.repeat(data.times >= 3 * DAY, 2)
    fewer = replace(data, labels=np.where(late & (np.arange(len(late)) % 2 == 0), 0, data.labels).astype(np.int8))
    wrong = probabilities_by_day(fewer, Linear(True))
    assert wrong[-1].excess.low > 0.05
    assert wrong[:-1] == days[:-1]


def test_a_page_of_each_kind_renders() -> None:
    before, now = dataset(0), dataset(1)
    steady = render(
        drift_page("m@1", ("a", "b"), drifts(before, now, Linear(True)), probabilities_by_day(now, Linear(True)))
    )
    assert "columns are steady" in steady and "share clicked" in steady
    shifted = replace(now, rows=now.rows * 3)
    page = render(drift_page("m@1", ("a", "b"), drifts(before, shifted, Linear(False)), []))
    assert "columns have moved" in page and "no calibration to drift" in page
