"""Clicks per session of each arm by day, and how sure they are: over seeds, and over users within a seed.

Over seeds, an interval is Student's for the mean of independent worlds; within a seed, whole users are drawn (the
cluster bootstrap of `feedrank.training.bootstrap`), the same draws for both arms of a ratio. Knows nothing of how arms
rank.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from feedrank.rehearsal.loop import ORACLE, SERVICE, TRENDING, SeedRun
from feedrank.simulator.visits import Visits
from feedrank.training.bootstrap import LEVEL, Interval, resampled_means
from feedrank.types import F64

LIFT_WANTED = 1.5  # of trending's clicks per session
SHARE_WANTED = 0.75  # of the oracle's


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm: the mean over seeds and its interval, for each day and for all days together."""

    name: str
    days: tuple[Interval, ...]
    total: Interval


@dataclass(frozen=True, slots=True)
class Ratio:
    """The service over another arm, by day: over seeds, and for each seed over its users."""

    other: str
    days: tuple[Interval, ...]
    by_seed: Mapping[int, tuple[Interval, ...]]


def by_day(visits: Visits, days: int) -> F64:
    """Clicks per session of each day, (days,); NaN for a day without sessions."""
    sessions = np.bincount(visits.days, minlength=days)
    clicks = np.bincount(visits.days, visits.clicks, minlength=days)
    return np.asarray(np.divide(clicks, sessions, out=np.full(days, np.nan), where=sessions > 0), np.float64)


def over_seeds(values: F64) -> Interval:
    """The mean of independent values (s,) and its 95% interval; of a single value, that is unbounded and so NaN."""
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(mean, float("nan"), float("nan"))
    half = float(stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return Interval(mean, mean - half, mean + half)


def arms(runs: Sequence[SeedRun], days: int) -> list[Arm]:
    """Every arm of the runs, best last day first."""
    found = []
    for name in runs[0].arms:
        table = np.stack([by_day(run.arms[name], days) for run in runs])  # (s, days)
        totals = np.array([run.arms[name].clicks.mean() for run in runs])
        found.append(Arm(name, tuple(over_seeds(column) for column in table.T), over_seeds(totals)))
    return sorted(found, key=lambda arm: -arm.days[-1].mean)


def ratio(runs: Sequence[SeedRun], other: str, days: int) -> Ratio:
    """The service's clicks per session over another arm's, in the same sessions."""
    table = np.stack([by_day(run.arms[SERVICE], days) / by_day(run.arms[other], days) for run in runs])
    by_seed = {run.seed: tuple(_over_users(run, other, day) for day in range(days)) for run in runs}
    return Ratio(other, tuple(over_seeds(column) for column in table.T), by_seed)


def _over_users(run: SeedRun, other: str, day: int) -> Interval:
    service, base = run.arms[SERVICE], run.arms[other]
    here = service.days == day
    clicks = np.stack([service.clicks[here], base.clicks[here]], axis=1)
    means = resampled_means(clicks, service.users[here], run.seed)
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(means[:, 0] / means[:, 1], (tail, 1.0 - tail))
    mean = clicks.mean(axis=0)
    return Interval(float(mean[0] / mean[1]), float(low), float(high))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the last day's means reach what is wanted."""

    lift: Interval
    share: Interval

    @property
    def reached(self) -> bool:
        """Both."""
        return self.lift.mean >= LIFT_WANTED and self.share.mean >= SHARE_WANTED


def verdict(runs: Sequence[SeedRun], days: int) -> Verdict:
    """The last day against trending and against the oracle."""
    return Verdict(ratio(runs, TRENDING, days).days[-1], ratio(runs, ORACLE, days).days[-1])
