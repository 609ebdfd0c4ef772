"""Bootstrap over users: how sure a mean over impressions is, and a difference of two on the same impressions.

One user's impressions are not independent, so whole users are drawn (a cluster bootstrap: Field, Welsh, "Bootstrapping
clustered data", JRSS B 2007). Means are over impressions, so a user counts as often as they came. Knows nothing of
metrics, models or slices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from feedrank.types import F64, I64

RESAMPLES = 1_000  # the ends of a 95% interval are then good to a tenth of its width
LEVEL = 0.95
AT_ONCE = 4_000_000  # weights drawn at once: 32 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its percentile interval; NaN throughout where there is nothing to average."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside."""
        return self.low > 0 or self.high < 0


def numbered(user_ids: Sequence[str]) -> I64:
    """A number for each user id (r,); "" is an unknown user, each one of their own."""
    _, user = np.unique([user or f"\0{i}" for i, user in enumerate(user_ids)], return_inverse=True)
    return user.astype(np.int64)


def resampled_means(values: F64, users: I64, seed: int, resamples: int = RESAMPLES) -> F64:
    """Means of columns (r, k) under `resamples` draws of whole users, (resamples, k).

    `users` (r,) are numbers from `numbered`. Columns of one call share their draws, so that differences are paired.
    """
    _, user = np.unique(users, return_inverse=True)
    count = int(user.max(initial=-1)) + 1
    sums = np.stack([np.bincount(user, column, minlength=count) for column in values.T], axis=1)
    sizes = np.bincount(user, minlength=count).astype(np.float64)
    rng = np.random.default_rng(seed)
    means = np.empty((resamples, values.shape[1]))
    step = max(1, AT_ONCE // max(count, 1))
    for start in range(0, resamples, step):
        drawn = rng.multinomial(count, np.full(count, 1.0 / count), size=min(step, resamples - start))
        means[start : start + step] = (drawn @ sums) / (drawn @ sizes)[:, None]
    return means


def intervals(values: F64, users: I64, seed: int, resamples: int = RESAMPLES) -> list[Interval]:
    """The mean of each column (r, k) with its 95% interval."""
    if not len(values):
        return [Interval(*(float("nan"),) * 3) for _ in range(values.shape[1])]
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(resampled_means(values, users, seed, resamples), (tail, 1.0 - tail), axis=0)
    means = values.mean(axis=0)
    return [Interval(float(m), float(a), float(b)) for m, a, b in zip(means, low, high, strict=True)]


def paired(challenger: F64, champion: F64, users: I64, seed: int, resamples: int = RESAMPLES) -> list[Interval]:
    """The mean difference of each column (r, k), challenger minus champion on the same impressions, with its 95%
    interval.
    """
    return intervals(challenger - champion, users, seed, resamples)
