"""Drift: no shift between halves of the same, a known index for a known shift, and clicks beside predictions."""

import math

import numpy as np
import pytest

from feedrank.training.dataset import Dataset
from feedrank.training.drift import SHIFTED, clicks_by_day, input_references, shifts
from feedrank.training.forms import Form
from feedrank.types import DAY, AnyArray


def dataset(rows: AnyArray, labels: AnyArray | None = None, times: AnyArray | None = None) -> Dataset:
    n = len(rows)
    return Dataset(
        ("same", "moved"),
        rows.astype(np.float32),
        np.zeros(n, np.int8) if labels is None else labels.astype(np.int8),
        np.ones(n, np.bool_),
        np.arange(n, dtype=np.int32),
        np.arange(n + 1),
        np.zeros(n, np.int64) if times is None else times,
        np.full(n, Form.SHOWN, np.int8),
        tuple(f"r{i}" for i in range(n)),
        ("u",) * n,
    )


def test_what_stayed_is_steady_and_what_moved_comes_first() -> None:
    rng = np.random.default_rng(0)
    then, now = rng.normal(size=(20_000, 2)), rng.normal((0.0, 1.0), size=(20_000, 2))
    found = shifts(input_references(then, ("same", "moved")), dataset(now))
    assert [shift.feature for shift in found] == ["moved", "same"]
    assert found[0].index > SHIFTED > 0.01 > found[1].index
    assert all(
        shift.index == pytest.approx(0) for shift in shifts(input_references(then, ("same", "moved")), dataset(then))
    )


def test_the_index_is_the_formula_s() -> None:
    then = np.repeat([0.0, 1.0], [80, 20])
    now = np.repeat([0.0, 1.0], [50, 50])
    found = shifts(input_references(then[:, None], ("same",)), dataset(np.column_stack([now, now])))
    expected = (0.5 - 0.8) * math.log(0.5 / 0.8) + (0.5 - 0.2) * math.log(0.5 / 0.2)
    assert found[0].index == pytest.approx(expected)


def test_what_became_unknown_is_a_shift() -> None:
    then = np.random.default_rng(0).normal(size=(1_000, 1))
    now = np.where(np.arange(1_000) < 500, np.nan, then[:, 0])
    found = shifts(input_references(then, ("same",)), dataset(np.column_stack([now, now])))[0]
    assert (found.missing_then, found.missing_now) == pytest.approx((0.0, 0.5))
    assert found.index > SHIFTED
    empty = input_references(np.full((10, 1), np.nan), ("same",))["same"]
    assert (empty.edges, empty.shares) == ((), (0.0,))


def test_clicks_stand_beside_those_predicted_day_by_day() -> None:
    times = np.array([5, 6, DAY + 1, DAY + 2])
    data = dataset(np.zeros((4, 2)), np.array([1, 0, 0, 0]), times)
    days = clicks_by_day(data, np.array([0.5, 0.25, 0.1, 0.3]))
    assert [(d.day, d.rows, d.clicks) for d in days] == [(0, 2, 1), (DAY, 2, 0)]
    assert days[0].ratio == pytest.approx(1 / 0.75)
    assert days[1].ratio == 0.0
