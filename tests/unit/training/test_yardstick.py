"""The fitted baselines: a logistic regression that finds what is linear, and ALS that never looks ahead."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from feedrank.training.als import als_scores
from feedrank.training.dataset import Dataset
from feedrank.training.forms import Form
from feedrank.training.yardstick import fit_yardstick, yardstick_scores
from feedrank.types import DAY, HOUR, Action
from tests.strategies import T0, FactLog


def test_the_regression_finds_the_weights_of_a_linear_world() -> None:
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(20_000, 3)) * [1.0, 10.0, 0.1] + [0.0, 5.0, 0.0]).astype(np.float32)
    labels = rng.random(20_000) < expit(rows[:, 0] - 0.1 * (rows[:, 1] - 5.0))
    rows[rng.random(rows.shape) < 0.1] = np.nan
    yardstick = fit_yardstick(rows, labels, seed=1)
    assert yardstick is not None
    per_unit = np.array(yardstick.weights) / np.array(yardstick.scales)
    assert per_unit[:2] == pytest.approx([1.0, -0.1], rel=0.15)
    assert abs(yardstick.weights[2]) < 0.1
    scores = yardstick_scores(yardstick, rows[:5])
    assert scores.shape == (5,)
    assert yardstick_scores(yardstick, np.full((1, 3), np.nan, np.float32)).tolist() == [0.0]


def test_nothing_to_regress_on_gives_none() -> None:
    assert fit_yardstick(np.zeros((5, 1), np.float32), np.zeros(5), seed=1) is None
    assert fit_yardstick(np.zeros((5, 1), np.float32), np.ones(5), seed=1) is None


def two_camps() -> tuple[FactLog, Dataset]:
    """Readers of a..e and readers of f..j; on the second day, u0 and v0 are asked about what they have not read."""
    log = FactLog(imported=True)
    for camp, items in (("u", "abcde"), ("v", "fghij")):
        for k in range(8):
            for j, item in enumerate(items):
                if (k + j) % 5:
                    log.event(Action.CLICK, f"{camp}{k}", item, T0 + k * HOUR + j)
    rows = np.array([log.row(item) for item in ("a", "f", "a", "f", "a", "f")], np.int32)
    dataset = Dataset(
        (),
        np.empty((6, 0), np.float32),
        np.zeros(6, np.int8),
        np.ones(6, np.bool_),
        rows,
        np.array([0, 2, 4, 6]),
        np.array([T0 + HOUR, T0 + DAY + HOUR, T0 + DAY + 2 * HOUR]),
        np.full(3, Form.SHOWN, np.int8),
        ("r0", "r1", "r2"),
        ("u0", "u0", "v0"),
    )
    return log, dataset


def test_als_prefers_what_like_minded_readers_read_and_knows_nothing_before_the_first_night() -> None:
    log, dataset = two_camps()
    nights: list[int] = []
    scores = als_scores(log.facts, dataset, seed=1, progress=nights.append)
    assert scores[:2].tolist() == [0.0, 0.0]
    assert scores[2] > scores[3]
    assert scores[4] < scores[5]
    assert nights == [1, 1]


def test_als_does_not_see_the_day_it_scores() -> None:
    log, dataset = two_camps()
    expected = als_scores(log.facts, dataset, seed=1)
    for k in range(8):
        log.event(Action.CLICK, f"u{k}", "f", T0 + DAY + k)
    np.testing.assert_array_equal(als_scores(log.facts, dataset, seed=1), expected)
    stranger = replace(dataset, user_ids=("nobody", "", "w"))
    assert als_scores(log.facts, stranger, seed=1).tolist() == [0.0] * 6
