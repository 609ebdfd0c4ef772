"""Tests of something: a planted effect is found as often as planned, and CUPED saves what the correlation allows.

The plan is made as a team makes it: from a sample of the log before the test. Knows nothing of tests of nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from feedrank.analysis.evidence.claims import Claim, rate
from feedrank.analysis.evidence.repeated import experiments
from feedrank.analysis.evidence.visits import Metric, draw
from feedrank.analysis.statistics import Moments, compare, influence, spread_of_both, users_for
from feedrank.training.facts import Progress, no_progress
from feedrank.types import F64

SEED = 20_130_203
LIFT = 1.1
POWER = 0.8
TOLERANCE = 0.03
LOG_USERS = 200_000  # the sample that plans are made from
NOISE_BOUND = 3.0  # standard deviations within which a figure is as it should be
PLANNED = (Metric.MEAN, Metric.RATIO, Metric.MEAN_CUPED, Metric.RATIO_CUPED)
PAIRS: Mapping[Metric, Metric] = {Metric.MEAN_CUPED: Metric.MEAN, Metric.RATIO_CUPED: Metric.RATIO}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Power by metric with the users planned, and the variance that CUPED took away."""

    users: dict[str, int]
    power: tuple[Claim, ...]
    reductions: tuple[Claim, ...]


def run(count: int, tolerance: float = TOLERANCE, progress: Progress = no_progress) -> Outcome:
    """Plans a test of each metric for 80% power, and runs it `count` times."""
    sample = draw(np.random.default_rng(SEED), 1, LOG_USERS)
    users, powers, reductions = {}, [], []
    for metric in PLANNED:
        users[metric.value] = planned = _planned_users(metric, sample)
        half = (planned + 1) // 2
        plain = PAIRS.get(metric, metric)
        found, effects = 0, []
        for batch in experiments(SEED + 1, count, (half, half), (metric, plain), LIFT):
            difference = batch[metric]
            found += int(((difference.p_value() < 0.05) & (difference.effect > 0)).sum())
            effects.append(np.stack([batch[plain].effect, difference.effect]))
            progress(len(difference.effect))
        what = f"power, {metric.value}, {planned:,} users"
        powers.append(rate(what, f"{POWER:g} ± {tolerance:g}", found, count, POWER - tolerance, POWER + tolerance))
        if metric in PAIRS:
            reductions.append(_reduction(metric, np.concatenate(effects, axis=1)))
    return Outcome(users, tuple(powers), tuple(reductions))


def _planned_users(metric: Metric, sample: F64) -> int:
    """Users of both arms for 80% power: the sample tells the control's variance, and the treatment's by the lift."""
    moments = Moments.of(metric.columns(sample))
    arm = compare(moments, moments).control
    sd = float(np.sqrt(arm.variance * arm.n)[0])
    return users_for(float(arm.value[0]) * (LIFT - 1.0), spread_of_both(sd, LIFT - 1.0))


def _reduction(metric: Metric, effects: F64) -> Claim:
    """The variance of the effects (2, count) without and with the covariate, against 1 - rho².

    The two effects of one experiment are correlated, r² = 1 - rho² of them, so the log of the ratio of their variances
    has standard deviation 2 sqrt((1 - r²) / count).
    """
    rho_squared = _rho_squared(metric)
    left = float(effects[1].var(ddof=1) / effects[0].var(ddof=1))
    noise = 2.0 * left * float(np.sqrt(rho_squared / effects.shape[1]))
    return Claim(
        f"variance taken away, {metric.value}",
        f"rho² = {rho_squared:.4f}, within noise",
        1.0 - left,
        1.0 - left - 1.96 * noise,
        1.0 - left + 1.96 * noise,
        rho_squared - NOISE_BOUND * noise,
        rho_squared + NOISE_BOUND * noise,
    )


def _rho_squared(metric: Metric) -> float:
    """The squared correlation of a user's part in the metric with the same before, within the arms."""
    parts = []
    for arm, lift in enumerate((1.0, LIFT)):
        columns = metric.columns(draw(np.random.default_rng([SEED, arm]), 1, LOG_USERS, lift))[0]
        parts.append(np.stack([influence(columns[:, :2]), influence(columns[:, 2:])]))
    outcome, before = np.concatenate(parts, axis=1)
    return float(np.corrcoef(outcome, before)[0][1]) ** 2
