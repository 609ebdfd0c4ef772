"""What must hold before a difference is believed: the split came out as planned, and there are users enough.

Knows nothing of metrics' meaning or of verdicts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from feedrank.errors import InvalidInput
from feedrank.types import F64

SRM_ALPHA = 0.001  # Fabijan et al., "Diagnosing Sample Ratio Mismatch", KDD 2019: strict, since many tests are checked
USERS_PER_SKEWNESS_SQUARED = 355  # Kohavi, Deng, Longbotham, Xu, "Seven Rules of Thumb", KDD 2014, rule 7
BARELY = 0.1  # of the rule's users: there a 95% interval of a log-normal mean still covers 94.4% (docs/evidence_ab.md)
FEWEST_USERS = 100  # in an arm: below it no normal approximation is taken at its word, whatever the skewness


@dataclass(frozen=True, slots=True)
class SplitCheck:
    """Whether users came in the planned shares: the chi-square test for sample-ratio mismatch."""

    counts: tuple[int, ...]
    expected: tuple[float, ...]
    p_value: float

    @property
    def alarm(self) -> bool:
        """Whether the shares are off beyond chance."""
        return self.p_value < SRM_ALPHA


def check_split(counts: Sequence[int], weights: Sequence[float]) -> SplitCheck:
    """Compares users per variant with the planned weights, of any scale. InvalidInput for weights that are not positive
    and for no users at all.
    """
    shares = np.asarray(weights, np.float64)
    total = int(sum(counts))
    if len(counts) != len(weights) or (shares <= 0).any():
        raise InvalidInput(f"weights {tuple(weights)} for {len(counts)} variants: give each a weight above 0")
    if not total:
        raise InvalidInput("no user is in any variant: there is nothing to check the split by")
    expected = total * shares / shares.sum()
    p = float(stats.chisquare(counts, expected).pvalue) if len(counts) > 1 else 1.0
    return SplitCheck(tuple(counts), tuple(expected.tolist()), p)


def skewness(values: F64) -> float:
    """Of one arm's per-user influences (n,); 0 where they do not vary."""
    centred = values - values.mean()
    spread = float(np.sqrt(np.mean(centred**2)))
    return float(np.mean(centred**3)) / spread**3 if spread > 0 else 0.0


def users_needed(skew: float) -> int:
    """How many users an arm needs before a 95% interval can be taken at its word: 355 skewness^2, at least 100."""
    return max(FEWEST_USERS, int(np.ceil(USERS_PER_SKEWNESS_SQUARED * skew**2)))


def users_at_least(needed: int) -> int:
    """How few users an arm may have for any verdict at all, where `needed` would be enough: a tenth, at least 100."""
    return max(FEWEST_USERS, int(np.ceil(BARELY * needed)))
