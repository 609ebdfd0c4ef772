"""Tests of nothing against nothing: how often the harness finds a difference, and when it sees that a split is off.

Knows nothing of peeking.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy import stats

from feedrank.analysis.evidence.claims import Claim, rate
from feedrank.analysis.evidence.repeated import experiments
from feedrank.analysis.evidence.visits import Metric
from feedrank.analysis.statistics.checks import SRM_ALPHA
from feedrank.training.facts import Progress, no_progress
from feedrank.types import I64

SEED = 20_130_201
USERS = (1_000, 1_000)
TOLERANCE = 0.006  # of the share of false positives at 10,000 experiments
SPLIT_USERS = 100_000
PLANTED_SHARE = 0.51
BINS = 20  # of the histogram of p values


@dataclass(frozen=True, slots=True)
class Outcome:
    """False positives by metric, and the p values behind them: (bins,) counts that should be level."""

    claims: tuple[Claim, ...]
    histograms: dict[str, list[int]]


def run(count: int, tolerance: float = TOLERANCE, progress: Progress = no_progress) -> Outcome:
    """A/A tests of every kind of metric at a fixed horizon."""
    hits: Counter[Metric] = Counter()
    histograms = {metric: np.zeros(BINS, np.int64) for metric in Metric}
    for batch in experiments(SEED, count, USERS, tuple(Metric)):
        for metric, difference in batch.items():
            p = difference.p_value()
            hits[metric] += int((p < 0.05).sum())
            histograms[metric] += np.histogram(p, BINS, (0.0, 1.0))[0]
        progress(len(p))
    target = f"0.05 ± {tolerance:g}"
    claims = tuple(
        rate(f"false positives, {m.value}", target, hits[m], count, 0.05 - tolerance, 0.05 + tolerance) for m in Metric
    )
    return Outcome(claims, {m.value: histograms[m].tolist() for m in Metric})


def split_alarms(count: int) -> tuple[Claim, Claim]:
    """How often a split of 51 to 49 at 10^5 users is called, and an even one."""
    rng = np.random.default_rng(SEED + 1)
    planted = _alarms(rng.binomial(SPLIT_USERS, PLANTED_SHARE, count))
    even = _alarms(rng.binomial(SPLIT_USERS, 0.5, count))
    slack = float(stats.binom.ppf(0.9999, count, SRM_ALPHA)) / count
    return (
        rate("alarm on 51/49 at 100,000 users", "above 0.99", planted, count, 0.99, 1.0),
        rate("alarm on an even split", "0.001", even, count, 0.0, slack),
    )


def _alarms(treated: I64) -> int:
    """Chi-square with one degree of freedom, of all experiments at once; `check_split` does one."""
    observed = np.stack([SPLIT_USERS - treated, treated])
    return int((stats.chisquare(observed, axis=0).pvalue < SRM_ALPHA).sum())
