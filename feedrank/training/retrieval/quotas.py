"""Which quotas of a fixed total bring most of the clicks: every split on a grid, by the ranks each source gave them.

A split is judged by its quotas alone and by what `union` then lets the general sources fill: a source that brings less
than its quota leaves the rest to them. Candidates that two sources share are counted twice here, so the best splits are
judged once more by the union itself. Knows nothing of logs.
"""

from itertools import combinations

import numpy as np

from feedrank.pipeline.union import BACKFILL
from feedrank.settings import SourceQuotas
from feedrank.training.retrieval.recall import ranks, sizes
from feedrank.training.retrieval.stream import SOURCES, Found
from feedrank.types import I32

SPLIT = ("interest", "similar", "trending", "fresh")  # `followed` holds what a user asked for: it comes on top
STEP = 20  # candidates; recall changes by less than its standard error within one step


def best_splits(found: Found, total: int, wanted: int, step: int = STEP) -> list[SourceQuotas]:
    """The `wanted` splits of `total` candidates of highest estimated recall, best first."""
    columns = [SOURCES.index(name) for name in SPLIT]
    brought = sizes(found)[:, columns]
    present = brought.any(axis=0)
    places, brought = ranks(found)[:, columns], brought
    grid = splits(total, step, int(present.sum()))
    full = np.zeros((len(grid), len(SPLIT)), np.int32)
    full[:, present] = grid
    estimates = np.array([_estimate(places, brought, quotas) for quotas in full])
    best = np.argsort(-estimates, kind="stable")[:wanted]
    return [SourceQuotas(**dict(zip(SPLIT, full[i].tolist(), strict=True))) for i in best]


def splits(total: int, step: int, parts: int) -> I32:
    """Every way to split `total` into `parts` multiples of `step`, (m, parts)."""
    units = total // step
    bars = np.array(list(combinations(range(units + parts - 1), parts - 1)), np.int32).reshape(-1, parts - 1)
    edges = np.concatenate([np.full((len(bars), 1), -1), bars, np.full((len(bars), 1), units + parts - 1)], axis=1)
    return ((np.diff(edges, axis=1) - 1) * step).astype(np.int32)


def _estimate(places: I32, brought: I32, quotas: I32) -> float:
    """The share of clicks found when what quotas leave free goes to the general sources in equal parts."""
    free = np.maximum(quotas - brought, 0).sum(axis=1)
    filling = np.array([name in BACKFILL for name in SPLIT])
    reach = quotas + np.outer(free // int(filling.sum()), filling)
    return float((places < reach).any(axis=1).mean())
