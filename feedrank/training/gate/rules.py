"""When a challenger may take the champion's place: what must be proven, on how much, and how it is said when it is not.

Knows nothing of where the figures come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from feedrank.registry import Compared

DECIDING = ("auc", "ndcg@10")  # a gain is proven in the first; neither may be lost
# The largest loss that passes for none. A day of 3,000 impressions tells two retrained models apart by about .0027 in
# AUC, so it proves an equal one not worse by .005 nineteen times in twenty.
MARGIN = 0.005
# The percentile bootstrap is too narrow for few clusters: where both models are equal, its 95% interval of the
# difference lies above 0 in 5 to 6% of worlds with 8 users, in 3 to 4% with 50 to 200 (docs/gate.md), in 2.5% at last.
MIN_EFFECTIVE_USERS = 50
MIN_IMPRESSIONS = 200  # below this the mean itself is mostly luck, whoever the users are


class Outcome(StrEnum):
    """What a comparison showed."""

    BETTER = "better"
    NOT_WORSE = "not worse"  # by more than the margin; nor proven better
    WORSE = "worse"
    UNPROVEN = "unproven"
    NOT_COMPARED = "not compared"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a challenger must show. `allow_equal`: one that is proven not worse passes, so that fresh data may serve."""

    allow_equal: bool = False
    margin: float = MARGIN


def outcome(
    measures: Sequence[Compared], effective_users: float, impressions: int, terms: Terms
) -> tuple[Outcome, str]:
    """What the deciding metrics show, and in words; each completes "it ...".

    Better: AUC's interval lies above 0 and nDCG@10 is not lost. Worse: either interval lies below 0. Not worse: both
    lie above -margin. `measures` are of DECIDING, in its order, `effective_users` as of Contest.
    """
    auc, ndcg = measures
    if effective_users < MIN_EFFECTIVE_USERS or impressions < MIN_IMPRESSIONS:
        few = (
            f"is unproven: the held-out period has {impressions} impressions, by what amounts to {effective_users:.0f} "
            f"equally active users; it takes {MIN_IMPRESSIONS} by {MIN_EFFECTIVE_USERS}"
        )
        return Outcome.UNPROVEN, few
    if auc.high < 0 or ndcg.high < 0:
        return Outcome.WORSE, "is worse"
    kept = ndcg.low > -terms.margin
    if auc.low > 0 and kept:
        return Outcome.BETTER, "is better"
    if auc.low > -terms.margin and kept:
        return Outcome.NOT_WORSE, f"is not proven better, though not worse by {terms.margin:g}"
    return Outcome.UNPROVEN, f"is unproven: it may be better, and it may lose more than {terms.margin:g}"
