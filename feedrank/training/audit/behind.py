"""When a group falls behind: a one-sided test of whole users, with Holm's correction over all groups tested at once.

The error of a mean over impressions is that of independent users (the linearised cluster-robust variance of Liang,
Zeger, "Longitudinal data analysis using generalized linear models", Biometrika 1986), and the test is Student's t with
as many degrees of freedom as the group has users, less one. With Holm's correction (Scand. J. Statist. 1979), the
chance that any group which is not behind is reported is at most the stated level, however many groups there are. Knows
nothing of what is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from feedrank.types import F64, I64, Bools


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference of means, its standard error over users, and how many users the group has."""

    difference: float
    error: float
    users: int

    def p_below(self, limit: float) -> float:
        """The chance of a difference as low as this one if the true one were `limit`; NaN for fewer than two users."""
        if self.users < 2:
            return float("nan")
        if self.error == 0.0:
            return float(self.difference >= limit)
        return float(stats.t.cdf((self.difference - limit) / self.error, self.users - 1))


def group_against_rest(values: F64, inside: Bools, users: I64) -> Contrast:
    """The mean of `values` (m,) where `inside`, less that of the rest. Users may be in both."""
    if not inside.any() or inside.all():
        return Contrast(float("nan"), float("nan"), 0)
    group, rest = float(values[inside].mean()), float(values[~inside].mean())
    pull = np.where(inside, (values - group) / inside.sum(), -(values - rest) / (~inside).sum())
    return Contrast(group - rest, _error(pull, users), len(np.unique(users[inside])))


def group_against_zero(values: F64, users: I64) -> Contrast:
    """The mean of `values` (m,), which are differences already."""
    if not len(values):
        return Contrast(float("nan"), float("nan"), 0)
    mean = float(values.mean())
    return Contrast(mean, _error((values - mean) / len(values), users), len(np.unique(users)))


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for all of them being looked at; NaN, a group not tested, stays and counts for nothing."""
    tested = sorted((value, i) for i, value in enumerate(p) if value == value)
    corrected = [float("nan")] * len(p)
    highest = 0.0
    for place, (value, i) in enumerate(tested):
        highest = max(highest, min(1.0, value * (len(tested) - place)))
        corrected[i] = highest
    return corrected


def _error(pull: F64, users: I64) -> float:
    """The standard error of a mean from how far each impression pulls it, users being independent."""
    _, user = np.unique(users, return_inverse=True)
    count = int(user.max()) + 1
    if count < 2:
        return float("nan")
    by_user = np.bincount(user, pull)
    return float(np.sqrt((by_user**2).sum() * count / (count - 1)))
