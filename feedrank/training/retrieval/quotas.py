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
STEPS = 25  # of the grid: 20 candidates of 500. Recall changes by less than its standard error within one


def best_splits(found: Found, total: int, wanted: int, steps: int = STEPS) -> list[SourceQuotas]:
    """The `wanted` splits of `total` candidates of highest estimated recall, best first; none where no source brought
    anything."""
    columns = [SOURCES.index(name) for name in SPLIT]
    brought = sizes(found)[:, columns]
    present = brought.any(axis=0)
    if not present.any():
        return []
    places = ranks(found)[:, columns]
    grid = splits(total, max(total // steps, 1), int(present.sum()))
    full = np.zeros((len(grid), len(SPLIT)), np.int32)
    full[:, present] = grid
    estimates = np.array([_estimate(places, brought, quotas) for quotas in full])
    best = np.argsort(-estimates, kind="stable")[:wanted]
    return [SourceQuotas(**dict(zip(SPLIT, full[i].tolist(), strict=True))) for i in best]


def extremes(found: Found, total: int) -> dict[str, SourceQuotas]:
    """What to compare with: equal shares, and each source that brought anything alone."""
    brought = sizes(found).sum(axis=0)
    present = [name for name in SPLIT if brought[SOURCES.index(name)]]
    share = total // max(len(present), 1)
    equal = {name: share if name in present else 0 for name in SPLIT}
    only = {f"only {name}": {other: total * (other == name) for other in SPLIT} for name in present}
    return {name: SourceQuotas(**quotas) for name, quotas in {"equal": equal, **only}.items()}


def splits(total: int, step: int, parts: int) -> I32:
    """Every way to split `total` into `parts` multiples of `step`, (m, parts)."""
    units = total // step
    chosen = list(combinations(range(units + parts - 1), parts - 1))
    bars = np.array(chosen, np.int32).reshape(len(chosen), parts - 1)
    edges = np.concatenate([np.full((len(bars), 1), -1), bars, np.full((len(bars), 1), units + parts - 1)], axis=1)
    return ((np.diff(edges, axis=1) - 1) * step).astype(np.int32)


def _estimate(places: I32, brought: I32, quotas: I32) -> float:
    """The share of clicks found when what quotas leave free goes to the general sources in equal parts."""
    free = np.maximum(quotas - brought, 0).sum(axis=1)
    reach = np.tile(quotas, (len(places), 1))
    for column in (SPLIT.index(name) for name in BACKFILL):
        taken = np.minimum(free, np.maximum(brought[:, column] - quotas[column], 0))
        reach[:, column] += taken
        free = free - taken
    return float((places < reach).any(axis=1).mean())
