"""Whether an off-policy estimate can be made at all: how much of the log speaks for the target policy.

Weights of a target policy over its own logging policy average 1; if theirs do not, propensities are wrong or the target
does what the log never tried. The effective sample size says how many decisions the weights amount to (Kong 1992):
sum(w)^2 / sum(w^2). Knows nothing of rewards.
"""

from dataclasses import dataclass

import numpy as np

from feedrank.analysis.off_policy.estimators import Decisions, Method, weighted_mean
from feedrank.errors import Conflict
from feedrank.types import F64

FEWEST_EFFECTIVE = 100.0  # decisions; below it a normal interval of a weighted mean is not to be taken at its word
MOST_OF_ONE = 0.1  # of the whole weight in one decision
MEAN_WITHIN = 4.0  # standard errors that the mean weight may be from 1


@dataclass(frozen=True, slots=True)
class Overlap:
    """What the weights say of themselves. `smallest` is the smallest logged propensity, NaN where unknown."""

    decisions: int
    effective: float
    mean_weight: float
    mean_weight_se: float
    largest_share: float  # of the whole weight, in one decision
    unsupported: float  # share of decisions the target would never make
    smallest: float
    refusals: tuple[str, ...]  # why no estimate is given; empty where one is

    def check(self) -> None:
        """Conflict with every reason where the overlap is too small."""
        if self.refusals:
            raise Conflict("no off-policy estimate: " + "; ".join(self.refusals))


def measure_overlap(decisions: Decisions, propensities: F64 | None = None) -> Overlap:
    """Looks at weights, and at the logged propensities (n,) where given."""
    w = decisions.weights
    total = float(w.sum())
    effective = total**2 / float(np.square(w).sum()) if total > 0 else 0.0
    mean = weighted_mean(Method.IPS, w, np.ones_like(w), decisions.users)
    share = float(w.max()) / total if total > 0 else 1.0
    refusals = []
    if effective < FEWEST_EFFECTIVE:
        refusals.append(
            f"{len(w):,} decisions amount to {effective:.1f} under the target policy, and {FEWEST_EFFECTIVE:g} are the "
            "least; log more, or judge a policy nearer to the one that logged"
        )
    if share > MOST_OF_ONE:
        refusals.append(f"one decision carries {share:.0%} of the whole weight")
    if abs(mean.value - 1.0) > MEAN_WITHIN * mean.se:
        refusals.append(
            f"weights average {mean.value:.3f} where they must average 1 (standard error {mean.se:.3f}): propensities "
            "are wrong, or the target does what the log never tried"
        )
    smallest = float(np.min(propensities)) if propensities is not None else float("nan")
    return Overlap(len(w), effective, mean.value, mean.se, share, float((w == 0).mean()), smallest, tuple(refusals))
