"""Always-valid intervals: right at every look at once, so one may peek as often as one likes and stop when one likes.

The mixture sequential probability ratio test with a normal mixture (Robbins, "Statistical methods related to the law of
the iterated logarithm", Ann. Math. Stat. 1970; Johari, Pekelis, Walsh, "Always Valid Inference: Bringing Sequential
Analysis to A/B Testing", 2015/2017, eq. 11), on an estimate that is normal for large samples; the same bound as the
asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and
asymptotic confidence sequences", Ann. Stat. 2024, eq. 10, with t rho^2 = mixture / se^2. The mixture's variance is
fixed before the first look: it says at which precision the interval shall be tightest, never how wide it may be wrong.
Knows nothing of metrics or verdicts.
"""

import numpy as np
from scipy import stats

from feedrank.types import F64

Numbers = float | F64

ALPHA = 0.05
POWER = 0.8  # of the test whose precision the mixture is tuned to


def planned_se(effect: Numbers, alpha: float = ALPHA, power: float = POWER) -> F64:
    """The standard error at which a fixed-horizon test finds `effect` with probability `power`."""
    return np.asarray(np.abs(effect) / (stats.norm.isf(alpha / 2.0) + stats.norm.ppf(power)), np.float64)


def mixture_variance(se: Numbers, alpha: float = ALPHA) -> F64:
    """The variance of the mixture that makes the interval about tightest when the standard error is `se`.

    Waudby-Smith et al. 2024, appendix B.2: t rho^2 = -2 log(alpha) + log(-2 log(alpha)) + 1.
    """
    precision = -2.0 * np.log(alpha) + np.log(-2.0 * np.log(alpha)) + 1.0
    return np.asarray(precision * np.square(se), np.float64)


def half_width(se: Numbers, mixture: Numbers, alpha: float = ALPHA) -> F64:
    """Of the interval around an estimate with standard error `se`. All looks together miss with probability `alpha`."""
    variance = np.square(np.asarray(se, np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        total = variance + mixture
        half = np.sqrt(variance * total / mixture * np.log(total / (variance * alpha**2)))
    return np.asarray(np.where(variance == 0.0, 0.0, half))  # the limit: what does not vary is known


def p_value(effect: Numbers, se: Numbers, mixture: Numbers) -> F64:
    """The always-valid p of no effect at one look: 1 over the mixture likelihood ratio, at most 1.

    The smallest of all looks so far is valid too.
    """
    variance = np.square(np.asarray(se, np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        total = variance + mixture
        log_ratio = 0.5 * np.log(variance / total) + 0.5 * np.square(effect) * mixture / (variance * total)
    return np.asarray(np.exp(-np.maximum(log_ratio, 0.0)))
