"""How far two models agree about one request's candidates, from their scores alone.

Knows nothing of where scores come from.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from feedrank.types import F64, Bools

TOP = 10


@dataclass(frozen=True, slots=True)
class Agreement:
    """A challenger's scores beside those served."""

    overlap_at_10: float  # share of the ten best that both name, 0..1
    kendall_tau: float  # tau-b, -1..1; NaN where one model scores everything alike
    score_drift: float  # shift of the mean score, in standard deviations of the served scores; NaN if those are alike


def agreement(served: F64, challenger: F64) -> Agreement:
    """Agreement over one request's candidates; both (n,), n at least 1. Ties keep candidate order."""
    deviation = float(np.std(served))
    drift = (float(np.mean(challenger)) - float(np.mean(served))) / deviation if deviation > 0.0 else np.nan
    best = _best(served) & _best(challenger)
    varied = len(served) > 1 and deviation > 0.0 and float(np.ptp(challenger)) > 0.0
    tau = float(stats.kendalltau(served, challenger).statistic) if varied else np.nan
    return Agreement(float(best.sum()) / min(TOP, len(served)), tau, drift)


def _best(scores: F64) -> Bools:
    mask = np.zeros(len(scores), np.bool_)
    mask[np.argsort(-scores, kind="stable")[:TOP]] = True
    return mask
