"""Cells of a large segment: a search looks into those nearest to its queries, and no further.

Inverted lists (Jégou, Douze, Schmid, "Product Quantization for Nearest Neighbor Search", PAMI 2011, section IV) over
vectors kept whole: what is scored is scored exactly, but what lies in another cell is not found. How many cells a
search looks into is chosen when they are made, by the recall it gives on the segment's own vectors; where no fair
number does, there are none, and the segment is scanned. FAISS trains and assigns. Knows nothing of rows, views or the
log.
"""

import logging
import time
from dataclasses import dataclass

import faiss
import numpy as np

from feedrank.index.vectors import widen
from feedrank.kernels import greatest, products
from feedrank.types import F16, F32, I32, I64

log = logging.getLogger(__name__)

CELLS_FROM = 50_000  # vectors of a segment; a scan of fewer takes less time than a request's other parts
RECALL_WANTED = 0.99  # of the best RECALL_AT, on average over the trial queries
RECALL_AT = 300  # as many as a reader's interest brings
MOST_PROBED = 0.25  # share of cells beyond which a plain scan is as fast
_TRIALS = 64
_TRIAL_OF = 3  # vectors of one neighbourhood whose mean is a trial query, as an interest is of what was read
_TRAINED_ON = 40  # vectors a cell in training
_AT_ONCE = 1 << 16  # vectors assigned at a time: 100 MB as float32
_RETRAIN_AT = 2.0  # growth since training at which centroids are made anew


@dataclass(frozen=True, slots=True)
class Cells:
    """Centroids, and where each cell's places begin in a segment sorted by cell."""

    centroids: F32  # (c, d) unit length
    offsets: I64  # (c + 1,)
    probes: int  # cells a query looks into
    recall: float  # of the trial queries at so many
    trained_on: int  # vectors there were

    def places(self, queries: F32) -> I32:
        """Ascending places of all cells that one of the queries (q, d) looks into."""
        scores = products(self.centroids, queries)
        nearest = np.argpartition(-scores, self.probes - 1, axis=0)[: self.probes]
        cells = np.unique(nearest)
        starts, sizes = self.offsets[cells], np.diff(self.offsets)[cells]
        ends = np.cumsum(sizes)
        within = np.arange(ends[-1]) - np.repeat(ends - sizes, sizes)
        places: I32 = (np.repeat(starts, sizes) + within).astype(np.int32)
        return places


def sorted_by_cell(halves: F16, earlier: Cells | None) -> tuple[Cells | None, I64]:
    """Cells for vectors (n, d), and the order (n,) in which the segment is to hold them.

    `earlier` cells lend their centroids unless there are far more vectors by now. None, and the order as it was, where
    there are too few vectors or no fair number of probes gives RECALL_WANTED.
    """
    n = len(halves)
    as_it_was = np.arange(n)
    if n < CELLS_FROM:
        return None, as_it_was
    began = time.monotonic()
    faiss.omp_set_num_threads(1)
    kept = earlier is not None and n < _RETRAIN_AT * earlier.trained_on
    centroids = earlier.centroids if earlier is not None and kept else _trained(halves)
    cell = _assigned(halves, centroids)
    order = np.argsort(cell, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=len(centroids)))]).astype(np.int64)
    trained_on = earlier.trained_on if earlier is not None and kept else n
    cells = _probing_enough(halves[order], centroids, offsets, trained_on)
    took = {"vectors": n, "cells": len(centroids), "seconds": round(time.monotonic() - began, 1)}
    if cells is None:
        log.warning("no fair number of cells gives the recall wanted: the segment is scanned", extra=took)
        return None, as_it_was
    log.info("cells were made", extra=took | {"probes": cells.probes, "recall": round(cells.recall, 4)})
    return cells, order


def _trained(halves: F16) -> F32:
    n, d = halves.shape
    count = int(2 ** np.round(np.log2(np.sqrt(n))))
    sample = np.sort(np.random.default_rng(n).choice(n, min(n, _TRAINED_ON * count), replace=False))
    kmeans = faiss.Kmeans(d, count, niter=8, spherical=True, seed=1, max_points_per_centroid=_TRAINED_ON)
    kmeans.train(widen(halves[sample]))
    return np.ascontiguousarray(kmeans.centroids, np.float32)


def _assigned(halves: F16, centroids: F32) -> I64:
    index = faiss.IndexFlatIP(centroids.shape[1])
    index.add(centroids)
    parts = [index.search(widen(halves[s : s + _AT_ONCE]), 1)[1][:, 0] for s in range(0, len(halves), _AT_ONCE)]
    return np.concatenate(parts).astype(np.int64)


def _probing_enough(halves: F16, centroids: F32, offsets: I64, trained_on: int) -> Cells | None:
    """The fewest probes, by doubling, with which trial queries find RECALL_WANTED of their best; None for no such."""
    rng = np.random.default_rng(0)
    around = rng.integers(0, len(halves), _TRIALS)  # neighbours in a cell are neighbours in the sorted segment
    members = np.minimum(around[:, None] + rng.integers(0, 50, (_TRIALS, _TRIAL_OF)), len(halves) - 1)
    queries = widen(halves[members.ravel()]).reshape(_TRIALS, _TRIAL_OF, -1).sum(axis=1)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    k, alive = min(RECALL_AT, len(halves)), np.ones(len(halves), np.bool_)
    everywhere = np.arange(len(halves), dtype=np.int32)
    scores = products(halves, queries)
    exact = [set(greatest(scores[:, q], everywhere, alive, k)[0].tolist()) for q in range(_TRIALS)]
    probes = 4
    while probes <= MOST_PROBED * len(centroids):
        cells = Cells(centroids, offsets, probes, 0.0, trained_on)
        recalls = []
        for q in range(_TRIALS):
            places = cells.places(queries[q : q + 1])
            found = greatest(np.ascontiguousarray(scores[places, q]), places, alive[places], k)[0]
            recalls.append(len(exact[q].intersection(found.tolist())) / k)
        if np.mean(recalls) >= RECALL_WANTED:
            return Cells(centroids, offsets, probes, float(np.mean(recalls)), trained_on)
        probes *= 2
    return None
