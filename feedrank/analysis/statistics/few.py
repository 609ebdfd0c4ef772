"""Few events: intervals of how much one arm's rate exceeds another's, where no normal approximation is worth its name.

A user does the event rarely and independently of others, perhaps several times: a compound Poisson count. Limits of one
arm's rate at a fixed horizon are the gamma limits of Fay and Feuer ("Confidence intervals for directly standardized
rates", Stat. in Med. 1997, eq. 9 and 10), each user's number of events being a weight; where nobody did it twice and it
is known that nobody would, they are the exact ones of Garwood 1936. Two arms' limits combine to those of a difference
as Li, Tang and Wong do (MOVER, "Interval estimation for the difference of two Poisson rates", 2014).

Always valid ones are the gamma mixture of a sub-Poisson process (Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform,
nonparametric, nonasymptotic confidence sequences", Ann. Stat. 2021, section 3): events of which one user does at most
b, counted in units of b, are never wilder than a Poisson process. The product of both arms' mixtures is a test
martingale of both rates; the interval holds every difference of rates that it does not refute.

The largest number of events one user may do is taken to be the largest seen in either arm, and at least
LARGEST_UNSEEN: a few events cannot say how often somebody else would have done it. Knows nothing of metrics.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import brentq, elementwise
from scipy.special import gammaln, xlogy

from feedrank.analysis.statistics.estimate import LEVEL
from feedrank.analysis.statistics.sequential import ALPHA
from feedrank.types import F64, AnyArray

# With 3, a difference is taken for smaller than it is in at most 2.5% of cases where those who do it do it 1.5 times on
# average, in 2.7% where they do it twice and in 4.4% where they do it three times (docs/evidence_ab.md).
LARGEST_UNSEEN = 3.0
SHAPE = 0.5  # of the mixture's gamma density over rates: Jeffreys' for a Poisson rate, made proper by its mean
MOST_RATIO = 1e9  # of two rates: beyond it, unbounded
Contrast = Callable[[float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Tally:
    """What the users of one arm did of something rare, each (...)."""

    events: F64
    squares: F64  # of each user's events, summed
    largest: F64  # of one user
    exposure: F64  # what events are counted by: users, views, ...; above 0

    @classmethod
    def of(cls, columns: AnyArray) -> "Tally":
        """Of per-user (..., n, >= 2) numerators, which are not negative, and denominators."""
        did = np.asarray(columns[..., 0], np.float64)
        return cls(did.sum(-1), np.square(did).sum(-1), did.max(-1), np.asarray(columns[..., 1].sum(-1), np.float64))

    @property
    def rate(self) -> F64:
        """Events by exposure."""
        return self.events / self.exposure

    def limits(self, largest: F64, level: float = LEVEL) -> tuple[F64, F64]:
        """Of the rate at a fixed horizon, where one user does at most `largest`."""
        tail = (1.0 - level) / 2.0
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = self.squares / self.events
            low = spread / 2.0 * stats.chi2.ppf(tail, 2.0 * self.events / spread)
        after, spread = self.events + largest, (self.squares + largest**2) / (self.events + largest)
        high = spread / 2.0 * stats.chi2.isf(tail, 2.0 * after / spread)
        return np.where(self.events > 0.0, low, 0.0) / self.exposure, high / self.exposure


def largest_of(control: Tally, treatment: Tally) -> F64:
    """How often one user may do it, as far as these two arms say."""
    return np.maximum(np.maximum(control.largest, treatment.largest), LARGEST_UNSEEN)


def excess(control: Tally, treatment: Tally, ratio: float = 1.0, level: float = LEVEL) -> tuple[F64, F64]:
    """The fixed-horizon interval of treatment's rate minus `ratio` times control's."""
    largest = largest_of(control, treatment)
    (low_c, high_c), (low_t, high_t) = control.limits(largest, level), treatment.limits(largest, level)
    c, t = ratio * control.rate, treatment.rate
    down, up = np.hypot(t - low_t, ratio * high_c - c), np.hypot(high_t - t, c - ratio * low_c)
    return t - c - down, t - c + up


def excess_always(
    control: Tally, treatment: Tally, scale: float, ratio: float = 1.0, alpha: float = ALPHA
) -> tuple[F64, F64]:
    """The same, right at every look at once. Tightest for rates about `scale`, which is fixed before the first look."""
    largest = largest_of(control, treatment)
    arms = [_Process(arm.events / largest, arm.exposure / largest, scale) for arm in (control, treatment)]
    high = _furthest(arms[1], arms[0], ratio, alpha)
    low = -ratio * _furthest(arms[0], arms[1], 1.0 / ratio, alpha)
    return low, high


def relative_excess(contrast: Contrast) -> tuple[float, float]:
    """The interval of treatment's rate as a share of control's, minus 1, by a contrast of one pair of arms: the ratios
    which it does not rule out.
    """
    low, high = (_zero(contrast, side) for side in (0, 1))
    return low - 1.0, high - 1.0


def _zero(contrast: Contrast, side: int) -> float:
    """Where one end of the contrast, which falls with the ratio, passes 0."""
    if contrast(1.0 / MOST_RATIO)[side] <= 0.0:
        return 0.0
    if contrast(MOST_RATIO)[side] > 0.0:
        return float("inf")
    bound = np.log(MOST_RATIO)
    return float(np.exp(brentq(lambda log_ratio: contrast(float(np.exp(log_ratio)))[side], -bound, bound)))


@dataclass(frozen=True, slots=True)
class _Process:
    """A sub-Poisson count, (...) each, and the mean of the mixture's density."""

    count: F64
    exposure: F64
    scale: float

    def evidence(self, rate: F64) -> F64:
        """The log of the mixture's likelihood ratio against a rate."""
        b = SHAPE / self.scale
        after = SHAPE + self.count
        mixture = xlogy(SHAPE, b) - gammaln(SHAPE) + gammaln(after) - xlogy(after, b + self.exposure)
        return np.asarray(mixture - xlogy(self.count, rate) + rate * self.exposure)


def _furthest(rising: _Process, falling: _Process, ratio: float, alpha: float) -> F64:
    """The largest `rising` rate minus `ratio` times `falling` rate that both counts together do not refute.

    On the edge of what is not refuted, by Lagrange, the falling rate follows from the rising one; evidence then grows
    with the rising rate, from the estimate on. Where no rate of an arm without events is possible there, the estimate
    stands, which errs towards a larger difference.
    """
    estimate = rising.count / rising.exposure

    def fallen(rate: F64, count: F64, exposure: F64, other: F64, other_exposure: F64) -> F64:
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = exposure - np.where(count > 0.0, count / rate, 0.0)
        return np.asarray(other / (other_exposure + ratio * slope))

    def surplus(rate: F64, count: F64, exposure: F64, other: F64, other_exposure: F64) -> F64:
        below = fallen(rate, count, exposure, other, other_exposure)
        one, two = _Process(count, exposure, rising.scale), _Process(other, other_exposure, falling.scale)
        return np.asarray(one.evidence(rate) + two.evidence(below) + np.log(alpha))

    args = (rising.count, rising.exposure, falling.count, falling.exposure)
    start = np.maximum(estimate, np.finfo(float).tiny)
    possible = surplus(start, *args) < 0.0
    # evidence of a rate r beyond the estimate grows like r x exposure: a few dozen events on top refute anything
    end = estimate + (20.0 + 10.0 * np.sqrt(rising.count) - 2.0 * np.log(alpha)) / rising.exposure
    bracket = elementwise.bracket_root(surplus, start, end, xmin=start, args=args).bracket
    root = elementwise.find_root(surplus, bracket, args=args).x
    rate = np.where(possible, root, estimate)
    return np.asarray(rate - ratio * fallen(np.maximum(rate, np.finfo(float).tiny), *args))
