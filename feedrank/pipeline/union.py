"""The union of all sources' candidates: quotas first, then what the general sources have left.

Knows nothing of what scores mean.
"""

from collections.abc import Sequence

import numpy as np

from feedrank.pipeline.stages import Candidates, Retrieved
from feedrank.types import I32

# Sources that go on past their quota, one after the other, when others bring little, as for a newcomer. Past a fresh
# quota of 60 the next trending items are clicked more often than the next new ones on every log judged
# (docs/retrieval.md); the quota itself is what gives new items their chance.
BACKFILL = ("trending", "fresh")


def union(names: Sequence[str], retrieved: Sequence[Retrieved], quotas: Sequence[int], total: int) -> Candidates:
    """Distinct candidates in source order: each source's quota, then `BACKFILL` beyond theirs up to `total`."""
    within = [r.rows[:quota] for r, quota in zip(retrieved, quotas, strict=True)]
    rows = _distinct(np.concatenate(within)) if within else np.empty(0, np.int32)
    beyond = {n: r.rows[q:] for n, r, q in zip(names, retrieved, quotas, strict=True) if n in BACKFILL}
    if beyond and len(rows) < total:
        spare = [beyond[name] for name in BACKFILL if name in beyond]
        rows = _distinct(np.concatenate([rows, *spare]))[:total]
    ranks = np.full((len(rows), len(names)), -1, np.int32)
    for s, r in enumerate(retrieved):
        order = np.argsort(r.rows, kind="stable")
        at = np.minimum(np.searchsorted(r.rows, rows, sorter=order), max(len(order) - 1, 0))
        if len(order):
            hit = r.rows[order[at]] == rows
            ranks[hit, s] = order[at[hit]]
    return Candidates(rows, ranks, tuple(names))


def _distinct(rows: I32) -> I32:
    _, first = np.unique(rows, return_index=True)
    return rows[np.sort(first)]
