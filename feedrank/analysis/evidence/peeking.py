"""Looking every day: how often a test of nothing is called, by the fixed-horizon test and by the always-valid one.

Users arrive day by day and come back; a look sees the sums of each user up to then, as a report does. Knows nothing of
planted effects.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from feedrank.analysis.evidence.claims import Claim, rate
from feedrank.analysis.evidence.visits import TASTE
from feedrank.analysis.statistics import Difference, Moments, compare, mixture_variance, p_value, planned_se
from feedrank.analysis.statistics.checks import FEWEST_USERS
from feedrank.training.facts import Progress, no_progress
from feedrank.types import F64, AnyArray

SEED = 20_130_204
DAYS = 28
USERS = 1_200  # in both arms, by the last day
DAILY_SHAPE, DAILY_SCALE = 1.0, 2.0  # of a user's views a day after arriving
PLANNED_EFFECTS = (0.05, 0.1, 0.3)  # relative; the mixture is tuned to one, and right for all
CELLS = 3_000_000
Look = tuple[Difference, AnyArray]  # and where there are users enough for any verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """`naive_by_day` and `valid_by_day` are the shares called at a look up to that day, of the click rate."""

    claims: tuple[Claim, ...]
    naive_by_day: list[float]
    valid_by_day: list[float]


def run(count: int, slack: float = 0.0, progress: Progress = no_progress) -> Outcome:
    """`count` tests of nothing, looked at every day, of a mean and of a ratio. `slack` is allowed above 5%."""
    rng = np.random.default_rng(SEED)
    names = ("clicks per user (mean)", "click rate (ratio)")
    naive = np.zeros((len(names), DAYS), np.int64)
    valid = np.zeros((len(names), len(PLANNED_EFFECTS), DAYS), np.int64)
    step = max(1, CELLS // (USERS * DAYS))
    for start in range(0, count, step):
        size = min(step, count - start)
        for kind, looks in enumerate(_looks(rng, size)):
            ever = np.zeros(size, np.bool_)
            ever_valid = np.zeros((len(PLANNED_EFFECTS), size), np.bool_)
            for day, (difference, enough) in enumerate(looks):
                ever |= enough & (difference.p_value() < 0.05)
                for i, effect in enumerate(PLANNED_EFFECTS):
                    mixture = mixture_variance(planned_se(effect * difference.control.value))
                    ever_valid[i] |= enough & (p_value(difference.effect, difference.se, mixture) < 0.05)
                naive[kind, day] += int(ever.sum())
                valid[kind, :, day] += ever_valid.sum(axis=1)
        progress(size)
    claims = []
    for kind, name in enumerate(names):
        for i, effect in enumerate(PLANNED_EFFECTS):
            what = f"called in {DAYS} daily looks, always valid, {name}, tuned to {effect:.0%}"
            claims.append(rate(what, "at most 0.05", int(valid[kind, i, -1]), count, 0.0, 0.05 + slack))
        what = f"called in {DAYS} daily looks, fixed horizon misused, {name}"
        claims.append(rate(what, "far above 0.05", int(naive[kind, -1]), count, 0.1, 1.0))
    return Outcome(tuple(claims), (naive[1] / count).tolist(), (valid[1, 1] / count).tolist())


def _looks(rng: np.random.Generator, size: int) -> tuple[Sequence[Look], Sequence[Look]]:
    """Every day's difference in `size` experiments: of clicks per user, and of the click rate."""
    arrives = rng.integers(0, DAYS, (size, USERS))
    arrives[:, : USERS // DAYS] = 0
    rate_a_day = rng.gamma(DAILY_SHAPE, DAILY_SCALE, (size, USERS))
    taste = rng.beta(*TASTE, (size, USERS))
    treated = rng.random((size, USERS)) < 0.5
    views = np.zeros((size, USERS))
    clicks = np.zeros((size, USERS))
    means: list[Look] = []
    ratios: list[Look] = []
    for day in range(DAYS):
        here = arrives <= day
        today = rng.poisson(rate_a_day * here) + (arrives == day)  # a user arrives with a view
        views += today
        clicks += rng.binomial(today, taste)
        arms = [_moments(clicks, views, here & arm) for arm in (~treated, treated)]
        enough = np.minimum(arms[0].n, arms[1].n) >= FEWEST_USERS
        ratios.append((compare(*arms), enough))
        means.append((compare(*(_per_user(arm) for arm in arms)), enough))
    return means, ratios


def _moments(clicks: F64, views: F64, members: AnyArray) -> Moments:
    """Of (clicks, views, 1) per user among `members`, all (size, users); absent users have sums of 0."""
    weight = members.astype(np.float64)
    c, v = clicks * weight, views * weight
    sums = np.stack([c.sum(axis=1), v.sum(axis=1)], axis=-1)
    cc, cv, vv = (np.einsum("en,en->e", a, b) for a, b in ((c, c), (c, v), (v, v)))
    products = np.stack([np.stack([cc, cv], axis=-1), np.stack([cv, vv], axis=-1)], axis=-1)
    return Moments.from_sums(weight.sum(axis=1), sums, products)


def _per_user(arm: Moments) -> Moments:
    """The same clicks over a denominator of 1."""
    mean, cov = arm.mean.copy(), np.zeros_like(arm.cov)
    mean[..., 1] = 1.0
    cov[..., 0, 0] = arm.cov[..., 0, 0]
    return Moments(arm.n, mean, cov)
