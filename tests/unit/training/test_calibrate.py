"""Calibration: a monotone curve that gives back the click rates it was fitted to, and an error that is what it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from feedrank.errors import InvalidInput
from feedrank.pipeline.scorers import Calibration
from feedrank.training.calibrate import MIN_CLICKS, fit_calibration, reliability
from feedrank.types import AnyArray


def clicks(margins: AnyArray, seed: int = 0) -> AnyArray:
    """Labels whose probability is a steep logistic curve of the margin, far from the margin itself."""
    drawn: AnyArray = np.random.default_rng(seed).random(len(margins)) < expit(2.0 * margins - 2.5)
    return drawn


def test_probabilities_of_later_rows_are_right_on_average_in_every_bin() -> None:
    rng = np.random.default_rng(1)
    early, late = rng.normal(size=20_000), rng.normal(size=20_000)
    curve = fit_calibration(early, clicks(early))
    assert curve is not None
    found = reliability(curve.probability(late), clicks(late, seed=2))
    assert found.expected_error < 0.02  # the noise of 1,000 rows a bin alone gives 0.009
    assert found.rows.sum() == 20_000
    truth = expit(2.0 * late - 2.5)
    assert np.abs(curve.probability(late) - truth).mean() < 0.01
    squashed = reliability(expit(late), clicks(late, seed=2))
    assert squashed.expected_error > 0.1


@given(st.integers(0, 2**32), st.integers(1, 2_000), st.floats(0, 1), st.booleans())
def test_a_curve_never_falls_and_stays_within_bounds(seed: int, n: int, rate: float, tied: bool) -> None:
    rng = np.random.default_rng(seed)
    margins = rng.integers(-3, 3, n).astype(float) if tied else rng.normal(size=n)
    labels = rng.random(n) < rate
    curve = fit_calibration(margins, labels)
    if labels.sum() < MIN_CLICKS or labels.all():
        assert curve is None
        return
    assert curve is not None
    asked = np.linspace(-7, 7, 200)
    found = curve.probability(asked)
    assert (np.diff(found) >= 0).all()
    assert 0 <= found.min() <= found.max() <= 1


def test_with_too_few_clicks_there_is_no_curve() -> None:
    margins = np.arange(1_000.0)
    assert fit_calibration(margins, margins < MIN_CLICKS - 1) is None
    assert fit_calibration(margins, margins < MIN_CLICKS) is not None
    assert fit_calibration(margins, np.ones(1_000)) is None


def test_the_expected_error_is_the_weighted_mean_distance() -> None:
    probabilities = np.repeat([0.1, 0.5], [30, 10])
    labels = np.concatenate([np.arange(30) < 6, np.arange(10) < 5])
    found = reliability(probabilities, labels, bins=4)  # bins of ten: 6/10, 0/10, 0/10 and 5/10 clicked
    assert found.observed.tolist() == pytest.approx([0.6, 0.0, 0.0, 0.5])
    assert found.expected_error == pytest.approx((0.5 + 0.1 + 0.1 + 0.0) / 4)
    assert np.isnan(reliability(np.empty(0), np.empty(0)).expected_error)


@pytest.mark.parametrize(
    ("margins", "probabilities"),
    [
        ((), ()),
        ((0.0,), (0.1, 0.2)),
        ((1.0, 0.0), (0.1, 0.2)),
        ((0.0, 1.0), (0.2, 0.1)),
        ((0.0,), (1.5,)),
        ((float("nan"),), (0.1,)),
    ],
)
def test_a_curve_that_cannot_be_read_is_refused(margins: tuple[float, ...], probabilities: tuple[float, ...]) -> None:
    with pytest.raises(InvalidInput, match="calibration"):
        Calibration(margins, probabilities)
