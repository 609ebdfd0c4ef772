"""How often an interval holds the truth: of every kind of metric, of relative effects, and under heavy tails.

Knows nothing of tests.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from feedrank.analysis.evidence.claims import Claim, rate
from feedrank.analysis.evidence.repeated import experiments
from feedrank.analysis.evidence.visits import Metric
from feedrank.analysis.statistics import Moments, compare, users_needed
from feedrank.training.facts import Progress, no_progress
from feedrank.types import F64

SEED = 20_130_202
USERS = (1_200, 2_800)  # uneven, so that skewness does not cancel between the arms
LIFT = 1.15
TOLERANCE = 0.006
LOGNORMAL_SIGMA = 1.0
SKEWNESS = float((np.exp(LOGNORMAL_SIGMA**2) + 2.0) * np.sqrt(np.exp(LOGNORMAL_SIGMA**2) - 1.0))  # 6.18
SHARES_OF_THE_RULE = (0.01, 0.03, 0.1, 0.3, 1.0)  # of the users the rule asks for
CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class HeavyTail:
    """Coverage of the mean of a log-normal metric at `users` users."""

    users: int
    enough: bool
    coverage: Claim


def run(count: int, tolerance: float = TOLERANCE, progress: Progress = no_progress) -> tuple[Claim, ...]:
    """Coverage of the 95% interval of a planted effect, absolute and relative."""
    held: Counter[tuple[Metric, str]] = Counter()
    for batch in experiments(SEED, count, USERS, tuple(Metric), LIFT):
        for metric, difference in batch.items():
            effect = metric.truth(LIFT) - metric.truth(1.0)
            held[metric, "absolute"] += _within(difference.interval(), effect)
            held[metric, "relative"] += _within(difference.relative_interval(), LIFT - 1.0)
        progress(len(difference.effect))
    target = f"0.95 ± {tolerance:g}"
    return tuple(
        rate(f"{metric.value}: {how} effect", target, held[metric, how], count, 0.95 - tolerance, 0.95 + tolerance)
        for metric in Metric
        for how in ("absolute", "relative")
    )


def heavy_tails(count: int, tolerance: float = TOLERANCE, progress: Progress = no_progress) -> tuple[HeavyTail, ...]:
    """Coverage of one arm's mean, where nothing cancels, from far below the rule's number of users up to it.

    Only at the rule's own number is 95% claimed; below it the report warns.
    """
    truth = float(np.exp(LOGNORMAL_SIGMA**2 / 2.0))
    rule = users_needed(SKEWNESS)
    found = []
    for share in SHARES_OF_THE_RULE:
        users, enough = round(rule * share), share >= 1.0
        rng = np.random.default_rng([SEED, users])
        held = 0
        step = max(1, CELLS // users)
        for start in range(0, count, step):
            size = min(step, count - start)
            values = rng.lognormal(0.0, LOGNORMAL_SIGMA, (size, users))
            moments = Moments.of(np.stack([values, np.ones_like(values)], axis=-1))
            held += _within(compare(moments, moments).control.interval(), truth)
            progress(size)
        bounds = (0.95 - tolerance, 0.95 + tolerance) if enough else (0.0, 1.0)
        target = f"0.95 ± {tolerance:g}" if enough else "warned of"
        what = f"log-normal mean, {users:,} users ({share:g} of 355 skewness²)"
        found.append(HeavyTail(users, enough, rate(what, target, held, count, *bounds)))
    return tuple(found)


def _within(interval: tuple[F64, F64], truth: float) -> int:
    low, high = interval
    return int(((low <= truth) & (truth <= high)).sum())
