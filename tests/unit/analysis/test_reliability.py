"""Reliability: no error where probabilities are true, and the error that was planted where they are not."""

import numpy as np
import pytest

from feedrank.analysis.model_report.reliability import reliability, reliability_figure


def test_the_error_is_what_was_planted() -> None:
    rng = np.random.default_rng(0)
    truth = rng.beta(1, 8, 60_000)
    clicked = rng.random(60_000) < truth
    assert reliability(truth, clicked).error < 0.005
    assert reliability(np.minimum(truth + 0.1, 1.0), clicked).error == pytest.approx(0.1, abs=0.005)


def test_bins_hold_equally_many_rows_in_order() -> None:
    measured = reliability(np.array([0.4, 0.1, 0.2, 0.3]), np.array([1, 0, 0, 1]), bins=2)
    assert measured.said == pytest.approx([0.15, 0.35])
    assert measured.found.tolist() == [0.0, 1.0]
    assert measured.error == pytest.approx((0.15 + 0.65) / 2)
    assert len(reliability_figure(measured).data) == 2
    assert len(reliability(np.array([0.5]), np.array([1])).rows) == 1
