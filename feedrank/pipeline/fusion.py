"""Reciprocal-rank fusion: an order from the sources' own orders, for when no score is to be had.

Cormack, Clarke, Büttcher: "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR
2009.
"""

import numpy as np

from feedrank.pipeline.stages import Candidates
from feedrank.types import F64

K = 60.0  # the paper's constant


def fuse(candidates: Candidates) -> F64:
    """Sum over sources of 1 / (K + place), (n,)."""
    ranks = candidates.ranks.astype(np.float64)
    each = np.where(ranks >= 0, 1.0 / (K + 1.0 + ranks), 0.0)
    total: F64 = each.sum(axis=1)
    return total
