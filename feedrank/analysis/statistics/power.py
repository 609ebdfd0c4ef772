"""How many users a test needs, what it can find with those it has, and how likely it is to find a given effect.

Of a two-sided test of a difference between two arms by the normal approximation. Standard deviations are per user: of
a mean, of the values; of a ratio, of the users' influences; after CUPED, times sqrt(1 - rho^2). Knows nothing of time.
"""

import math

from scipy.stats import norm
from statsmodels.stats.power import NormalIndPower

from feedrank.analysis.statistics.sequential import ALPHA, POWER
from feedrank.errors import InvalidInput

_TEST = NormalIndPower()


def users_for(effect: float, sd: float, share: float = 0.5, alpha: float = ALPHA, power: float = POWER) -> int:
    """Users of both arms together that find `effect` with probability `power`. `share` of them are treated.

    InvalidInput for no effect, no spread, or a share outside (0, 1).
    """
    _check(sd, share)
    if effect == 0 or not math.isfinite(effect):
        raise InvalidInput(f"an effect of {effect} takes no number of users to find; give the least one that matters")
    ratio = share / (1.0 - share)
    control = _TEST.solve_power(abs(effect) / sd, alpha=alpha, power=power, ratio=ratio)
    return math.ceil(float(control) * (1.0 + ratio))


def smallest_effect(users: int, sd: float, share: float = 0.5, alpha: float = ALPHA, power: float = POWER) -> float:
    """The minimum detectable effect of `users` in both arms together, in the metric's own unit."""
    _check(sd, share)
    if users < 2:
        raise InvalidInput(f"{users} users: a comparison takes at least one in each arm")
    return float(sd * (norm.isf(alpha / 2.0) + norm.ppf(power)) / math.sqrt(users * share * (1.0 - share)))


def power_of(effect: float, users: int, sd: float, share: float = 0.5, alpha: float = ALPHA) -> float:
    """The probability that `users` in both arms together show `effect`."""
    _check(sd, share)
    ratio = share / (1.0 - share)
    return float(_TEST.power(abs(effect) / sd, users * (1.0 - share), alpha, ratio=ratio))


def spread_of_both(sd: float, lift: float, share: float = 0.5) -> float:
    """The one standard deviation that stands for both arms when the treatment is expected to lift a metric by the share
    `lift`: its users are taken to spread as much relative to their mean as the control's do.

    Counts spread a little less than that where a user's own noise is Poisson, so plans err on the side of more users.
    """
    return sd * math.sqrt(share + (1.0 - share) * (1.0 + lift) ** 2)


def _check(sd: float, share: float) -> None:
    if not (sd > 0 and math.isfinite(sd)):
        raise InvalidInput(f"a standard deviation of {sd} per user: the metric does not vary in this log")
    if not 0 < share < 1:
        raise InvalidInput(f"a treated share of {share}: give one between 0 and 1")
