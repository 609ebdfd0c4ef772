"""Measures of lists beyond accuracy: concentration, coverage, novelty, diversity, near-duplicates.

Knows nothing of where the lists come from or of what is too much.
"""

import numpy as np

from feedrank.training.audit.lists import NOTHING, TOP, Lists
from feedrank.types import F32, F64, I64, AnyArray, Bools

AT_ONCE = 1_000  # lists whose vectors are compared at once: 15 MB with 384 dimensions


def attention() -> F64:
    """How much of a reader's attention each place gets, (TOP,): nDCG's discount 1 / log2(place + 1), as exposure is
    counted by Singh, Joachims: "Fairness of Exposure in Rankings", KDD 2018.
    """
    discounts: F64 = np.log2(np.arange(2, TOP + 2))
    return np.reciprocal(discounts)


def shares(top: AnyArray, weights: F64) -> F64:
    """The share of its list's weight each place has, (r, TOP); 0 beyond the end."""
    held: F64 = np.where(top != NOTHING, weights, 0.0)
    totals = held.sum(axis=1, keepdims=True)
    found: F64 = np.divide(held, totals, out=np.zeros_like(held), where=totals > 0)
    return found


def exposure(lists: Lists, rows: int) -> F64:
    """The attention each catalog row got, (rows,): a list hands out 1."""
    inside = lists.top != NOTHING
    got = np.bincount(lists.top[inside], shares(lists.top, attention())[inside], minlength=rows)
    return got.astype(np.float64)


def gini(values: F64) -> float:
    """The Gini coefficient of non-negative values (n,): 0 where all are equal, (n - 1) / n where one has it all.

    NaN for no values, or none above 0.
    """
    total = float(values.sum())
    if not len(values) or total <= 0:
        return float("nan")
    ordered = np.sort(values)
    ranks = np.arange(1, len(values) + 1)
    return float(2.0 * (ranks * ordered).sum() / (len(values) * total) - (len(values) + 1) / len(values))


def coverage(lists: Lists) -> float:
    """The share of all items that were candidates which stood in the top of some list; NaN without candidates."""
    supplied = len(np.unique(lists.pool))
    shown = len(np.unique(lists.top[lists.top != NOTHING]))
    return shown / supplied if supplied else float("nan")


def self_information(readers: I64, users: int) -> F64:
    """Bits each item tells by being recommended, (rows,): -log2 of the chance that a user has read it.

    Zhou et al.: "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 2010. `readers` (rows,)
    of `users` users read each; one more is added to both, so that the unread stay finite.
    """
    bits: F64 = np.log2((readers + 1.0) / (users + 1.0))
    return -bits


def list_means(top: AnyArray, values: F64) -> F64:
    """The mean over each list's items of a value by catalog row, (r,); NaN for an empty list."""
    inside = top != NOTHING
    sums: F64 = np.where(inside, values[np.maximum(top, 0)], 0.0).sum(axis=1)
    sizes = inside.sum(axis=1)
    means: F64 = np.divide(sums, sizes, out=np.full(len(top), np.nan), where=sizes > 0)
    return means


def pairwise(lists: Lists, vectors: F32, has_vector: Bools, threshold: float) -> tuple[F64, F64]:
    """Intra-list distance and near-duplicates of each list, both (r,), over its items that have a vector.

    The first is the mean of 1 - cosine over pairs (Ziegler et al., WWW 2005), the second the number of pairs whose
    cosine is `threshold` or more. NaN for lists of fewer than two such items. `vectors` (rows, d) are of unit length.
    """
    distance = np.full(len(lists), np.nan)
    duplicates = np.full(len(lists), np.nan)
    upper = np.triu(np.ones((TOP, TOP), np.bool_), 1)
    for start in range(0, len(lists), AT_ONCE):
        top = lists.top[start : start + AT_ONCE]
        known = (top != NOTHING) & has_vector[np.maximum(top, 0)]
        found = vectors[np.maximum(top, 0)]
        cosines = np.einsum("rid,rjd->rij", found, found)
        pairs = known[:, :, None] & known[:, None, :] & upper
        count = pairs.sum(axis=(1, 2))
        some = np.flatnonzero(count)
        distance[start + some] = ((1.0 - cosines) * pairs).sum(axis=(1, 2))[some] / count[some]
        duplicates[start + some] = (pairs & (cosines >= threshold)).sum(axis=(1, 2))[some]
    return distance, duplicates
