"""Off-policy estimates: what another policy would have earned, out of what was logged with its probabilities.

    decisions = Decisions(rewards, weights, users)           # or decisions_of(read_places(slates, answers), target)
    measure_overlap(decisions).check()                        # Conflict where the log says too little
    estimate(decisions, Method.SNIPS)                         # a value with its interval, clustered by user

`python -m feedrank.analysis.off_policy` does so for the service's own slates.
"""

from feedrank.analysis.off_policy.estimators import Decisions, Method, Value, estimate, estimate_all, on_policy
from feedrank.analysis.off_policy.overlap import Overlap, measure_overlap
from feedrank.analysis.off_policy.reward_model import crossfit
from feedrank.analysis.off_policy.slates import Places, decisions_of, read_places, without_exploration

__all__ = [
    "Decisions",
    "Method",
    "Overlap",
    "Places",
    "Value",
    "crossfit",
    "decisions_of",
    "estimate",
    "estimate_all",
    "measure_overlap",
    "on_policy",
    "read_places",
    "without_exploration",
]
