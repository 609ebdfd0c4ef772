"""The union of all sources' candidates: quotas first, then what the general sources have left.

Knows nothing of what scores mean.
"""

from collections.abc import Sequence

import numpy as np

from feedrank.kernels import distinct, positions
from feedrank.pipeline.stages import Candidates, Retrieved

# Sources that go on past their quota, one after the other, when others bring little, as for a newcomer. Past a fresh
# quota of 60 the next trending items are clicked more often than the next new ones on every log judged
# (docs/retrieval.md); the quota itself is what gives new items their chance.
BACKFILL = ("trending", "fresh")


def union(names: Sequence[str], retrieved: Sequence[Retrieved], quotas: Sequence[int], total: int) -> Candidates:
    """Distinct candidates in source order: each source's quota, then `BACKFILL` beyond theirs up to `total`."""
    within = [r.rows[:quota] for r, quota in zip(retrieved, quotas, strict=True)]
    rows = distinct(np.concatenate(within)) if within else np.empty(0, np.int32)
    beyond = {n: r.rows[q:] for n, r, q in zip(names, retrieved, quotas, strict=True) if n in BACKFILL}
    if beyond and len(rows) < total:
        spare = [beyond[name] for name in BACKFILL if name in beyond]
        rows = distinct(np.concatenate([rows, *spare]))[:total]
    ranks = np.empty((len(rows), len(names)), np.int32)
    for s, r in enumerate(retrieved):
        ranks[:, s] = positions(rows, r.rows)
    return Candidates(rows, ranks, tuple(names))
