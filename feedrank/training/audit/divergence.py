"""Distributions of groups over lists, and how far two such distributions are apart.

Knows nothing of what the groups are.
"""

import numpy as np

from feedrank.training.audit.lists import NOTHING
from feedrank.types import F64, I64, AnyArray

STECK_ALPHA = 0.01  # Steck 2018: how much of the target is mixed into a list, so that no logarithm is infinite
RADIO_ALPHA = 0.001  # Vrijenhoek et al. 2022: how much each of two distributions takes of the other


def by_rank(places: int) -> F64:
    """RADio's weight of each place, (places,): 1 / rank, as in MRR."""
    return np.asarray(1.0 / np.arange(1, places + 1), np.float64)


def group_shares(owner: I64, group: I64, weights: F64, lists: int, groups: int) -> F64:
    """The share of each list's weight in each group, (lists, groups), of entries (n,) that belong to list `owner`.

    Entries of group -1 are left out; a list of nothing else is a row of NaN.
    """
    known = group >= 0
    flat = np.bincount(owner[known] * groups + group[known], weights[known], minlength=lists * groups)
    sums: F64 = flat.astype(np.float64).reshape(lists, groups)
    totals: F64 = sums.sum(axis=1, keepdims=True)
    return np.divide(sums, totals, out=np.full_like(sums, np.nan), where=totals > 0)


def top_shares(top: AnyArray, group: I64, groups: int, weights: F64) -> F64:
    """The share of each group in each list, (r, groups), places weighing `weights`; `group` (rows,) by catalog row."""
    owner, place = np.nonzero(top != NOTHING)
    return group_shares(owner, group[top[owner, place]], weights[place], len(top), groups)


def kullback_leibler(target: F64, found: F64, alpha: float = STECK_ALPHA) -> F64:
    """Steck's miscalibration of each row, (r,), in nats: KL(target || (1 - alpha) found + alpha target).

    Steck: "Calibrated Recommendations", RecSys 2018, eq. 2 and 3.
    """
    return _relative_entropy(target, (1.0 - alpha) * found + alpha * target)


def jensen_shannon(one: F64, other: F64, alpha: float = RADIO_ALPHA) -> F64:
    """The Jensen-Shannon divergence of each row, (r,), in bits: 0 for equal ones, at most 1.

    Vrijenhoek et al.: "RADio: Rank-Aware Divergence Metrics to Measure Normative Diversity in News Recommendations",
    RecSys 2022, smoothed as there.
    """
    p, q = (1.0 - alpha) * one + alpha * other, (1.0 - alpha) * other + alpha * one
    middle = (p + q) / 2.0
    nats = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2.0
    return np.asarray(nats / np.log(2.0), np.float64)


def _relative_entropy(p: F64, q: F64) -> F64:
    """KL(p || q) of each row in nats, (r,); what p does not hold costs nothing."""
    some = p > 0
    ratio = np.divide(p, q, out=np.ones_like(p), where=some)
    terms = np.where(some, p * np.log(ratio), 0.0)
    return np.where(np.isnan(p).any(axis=1) | np.isnan(q).any(axis=1), np.nan, terms.sum(axis=1))
