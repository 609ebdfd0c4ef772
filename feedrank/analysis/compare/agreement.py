"""How alike two orders of the same items are, impression by impression.

Knows nothing of models, clicks or reports.
"""

from dataclasses import dataclass

import numpy as np

from feedrank.types import F64, I64, Bools

TOP = 5  # places compared as a set: what stands above the fold
PAIRS_AT_ONCE = 4_000_000  # pairs of items held at once: 32 MB a matrix


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of each impression, (r,)."""

    tau: F64  # Kendall's tau-b, -1 to 1; NaN where either model finds all items equal
    overlap: F64  # the share of the TOP places' items that both have there, 0 to 1; of all items if there are fewer
    same_first: Bools  # both put the same item first


def agreement(a: F64, b: F64, offsets: I64) -> Agreement:
    """The agreement of scores `a` and `b` (n,), impression i being entries offsets[i]:offsets[i + 1], none empty.

    Tau-b as in Kendall, "The treatment of ties in ranking problems", Biometrika 1945. In the other two, ties are broken
    by place in the impression.
    """
    sizes = np.diff(offsets)
    tau = np.full(len(sizes), np.nan)
    for size in np.unique(sizes).tolist():
        alike = np.flatnonzero(sizes == size)
        step = max(1, PAIRS_AT_ONCE // size**2)
        for start in range(0, len(alike), step):
            some = alike[start : start + step]
            entries = offsets[some][:, None] + np.arange(size)  # (m, size)
            tau[some] = _tau(a[entries], b[entries])
    owner = np.repeat(np.arange(len(sizes)), sizes)
    ranks = [_places(scores, owner, offsets) for scores in (a, b)]
    top = np.minimum(sizes, TOP)
    shared = np.bincount(owner, (ranks[0] < top[owner]) & (ranks[1] < top[owner]), minlength=len(sizes))
    first = np.bincount(owner, (ranks[0] == 0) & (ranks[1] == 0), minlength=len(sizes)) > 0
    return Agreement(tau, shared / top, first)


def order(scores: F64) -> I64:
    """Places of one impression's items, best first; ties keep their place."""
    return np.argsort(-scores, kind="stable")


def _places(scores: F64, owner: I64, offsets: I64) -> I64:
    """The place of each entry in its impression, 0 for the best, (n,)."""
    best_first = np.lexsort((-scores, owner))
    places = np.empty(len(scores), np.int64)
    places[best_first] = np.arange(len(scores)) - offsets[owner]
    return places


def _tau(a: F64, b: F64) -> F64:
    """Tau-b of rows (m, size), (m,)."""
    ahead_a, ahead_b = (np.sign(x[:, :, None] - x[:, None, :]) for x in (a, b))  # (m, size, size)
    concordant = (ahead_a * ahead_b).sum(axis=(1, 2))
    untied = np.sqrt(np.abs(ahead_a).sum(axis=(1, 2)) * np.abs(ahead_b).sum(axis=(1, 2)))
    tau: F64 = np.divide(concordant, untied, out=np.full(len(a), np.nan), where=untied > 0)
    return tau
