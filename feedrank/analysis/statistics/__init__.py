"""Statistics of experiments: per-user sums in, estimates with intervals out; means, ratios, covariates, peeking, power.

    difference = compare(Moments.of(control), Moments.of(treatment))  # columns: numerator, denominator[, before]
    difference.effect, difference.interval(), difference.p_value()
    half_width(difference.se, mixture_variance(planned_se(0.02)))     # the same, however often one looks
    excess(Tally.of(control), Tally.of(treatment))                    # of what few users do

Knows nothing of the log, of what a metric means, or of verdicts.
"""

from feedrank.analysis.statistics.checks import SplitCheck, check_split, skewness, users_at_least, users_needed
from feedrank.analysis.statistics.estimate import ArmEstimate, Difference, compare, influence
from feedrank.analysis.statistics.few import Tally, excess, excess_always, relative_excess
from feedrank.analysis.statistics.moments import Moments
from feedrank.analysis.statistics.multiplicity import Correction, adjusted
from feedrank.analysis.statistics.power import power_of, smallest_effect, spread_of_both, users_for
from feedrank.analysis.statistics.sequential import half_width, mixture_variance, p_value, planned_se

__all__ = [
    "ArmEstimate",
    "Correction",
    "Difference",
    "Moments",
    "SplitCheck",
    "Tally",
    "adjusted",
    "check_split",
    "compare",
    "excess",
    "excess_always",
    "half_width",
    "influence",
    "mixture_variance",
    "p_value",
    "planned_se",
    "power_of",
    "relative_excess",
    "skewness",
    "smallest_effect",
    "spread_of_both",
    "users_at_least",
    "users_for",
    "users_needed",
]
