"""The reliability diagram: what was predicted against what was found, beside the diagonal."""

import numpy as np
import pytest

from feedrank.analysis.model_report.reliability import reliability_figure
from feedrank.training.calibrate import reliability


def test_the_figure_holds_the_bins_and_their_errors() -> None:
    rng = np.random.default_rng(0)
    truth = rng.beta(1, 8, 60_000)
    measured = reliability(truth, rng.random(60_000) < truth)
    diagonal, bins = reliability_figure(measured).data
    assert list(diagonal.x) == list(diagonal.y)
    assert list(bins.x) == pytest.approx(measured.predicted.tolist())
    assert list(bins.y) == pytest.approx(measured.observed.tolist())
    inside = np.abs(np.array(bins.y) - np.array(bins.x)) <= np.array(bins.error_y.array)
    assert inside.mean() > 0.8  # these probabilities are true
