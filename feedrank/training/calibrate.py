"""Calibration of a ranker's margins: fitted on impressions later than those the ranker was fitted to, and judged.

Isotonic regression (Zadrozny, Elkan: "Transforming classifier scores into accurate multiclass probability estimates",
KDD 2002) over bins of equal size, so that no knot rests on a handful of rows. Expected calibration error as Naeini,
Cooper, Hauskrecht: "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015, over bins of equal
size. Knows nothing of models.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from feedrank.pipeline.scorers import Calibration
from feedrank.types import F64, AnyArray

KNOTS = 50
MIN_ROWS_A_KNOT = 100  # ten clicks at the click rate of a news page
MIN_CLICKS = 100  # fewer say little of a curve: then there is none, and replies carry no probability
ECE_BINS = 20


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins of rows by predicted probability, lowest first: their mean prediction, click rate and number, each (b,)."""

    predicted: F64
    observed: F64
    rows: F64

    @property
    def expected_error(self) -> float:
        """Expected calibration error: mean distance of prediction and click rate, weighted by rows; NaN for none."""
        if not len(self.rows):
            return float("nan")
        return float(np.abs(self.predicted - self.observed) @ self.rows / self.rows.sum())

    def as_json(self) -> dict[str, object]:
        """The error and the bins."""
        bins = np.column_stack([self.predicted, self.observed, self.rows]).tolist()
        return {
            "ece": self.expected_error,
            "bins": [dict(zip(("predicted", "observed", "rows"), b, strict=True)) for b in bins],
        }


def fit_calibration(margins: F64, labels: AnyArray) -> Calibration | None:
    """The curve from margins (n,) to the probability that a label (n,) is above 0; None with too few clicks for one."""
    clicked = (labels > 0).astype(np.float64)
    if clicked.sum() < MIN_CLICKS or clicked.all():
        return None
    bins = max(1, min(KNOTS, len(margins) // MIN_ROWS_A_KNOT))
    means, rates, rows = _binned(margins, clicked, bins)
    fitted = isotonic_regression(rates, weights=rows).x
    x, first = np.unique(means, return_index=True)
    return Calibration(tuple(x.tolist()), tuple(np.maximum.accumulate(fitted[first]).tolist()))


def reliability(probabilities: F64, labels: AnyArray, bins: int = ECE_BINS) -> Reliability:
    """How well probabilities (n,) of a click fit labels (n,)."""
    if not len(probabilities):
        return Reliability(np.empty(0), np.empty(0), np.empty(0))
    return Reliability(*_binned(probabilities, (labels > 0).astype(np.float64), bins))


def _binned(values: F64, clicked: F64, bins: int) -> tuple[F64, F64, F64]:
    """Means of values and of clicks, and the number of rows, of bins of about equal size by value, lowest first."""
    order = np.argsort(values, kind="stable")
    bin_of = np.arange(len(order)) * bins // len(order)
    rows = np.bincount(bin_of).astype(np.float64)
    return np.bincount(bin_of, values[order]) / rows, np.bincount(bin_of, clicked[order]) / rows, rows
