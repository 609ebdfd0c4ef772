"""Similarity: the candidate's vector against those of what the user read, hid and searched for.

All vectors are unit length, so inner products are cosines; their bits do not depend on the batch.
Knows nothing of how vectors were made.
"""

from functools import lru_cache

import numpy as np

from feedrank.features.definition import Feature
from feedrank.features.frame import Frame
from feedrank.features.raw import COMPARED_KINDS, NEGATIVE_HISTORY, SIMILARITY_HISTORY
from feedrank.kernels import products, summaries
from feedrank.settings import SEARCHES_KEPT
from feedrank.state import NO_SLOT
from feedrank.types import F32, F64

TOP = 3
HALF_LIFE_ITEMS = 10.0  # decayed mean: weight halves every ten engagements
_COLUMNS = ("max", "mean", "top3", "last", "decayed", "negative", "query")


def _table(frame: Frame) -> F64:
    """All similarity columns, (n, len(_COLUMNS)), NaN where there is nothing to compare."""
    out = np.full((frame.n, len(_COLUMNS)), np.nan)
    raw, compared = frame.raw, frame.raw.compared
    starts, their_starts = raw.item_offsets.tolist(), raw.compared_offsets.tolist()
    asking = np.repeat(np.arange(len(frame.sizes)), np.diff(raw.compared_offsets)) * COMPARED_KINDS + compared.kinds
    counts = np.bincount(asking, minlength=len(frame.sizes) * COMPARED_KINDS).reshape(-1, COMPARED_KINDS).tolist()
    asked = 0
    for r, (history, hidden, queries) in enumerate(counts):
        if not history + hidden + queries:
            continue
        start, stop = starts[r : r + 2]
        known = their_starts[r] + history + hidden
        theirs = raw.vectors_at(compared.slots[their_starts[r] : known])
        if queries:
            theirs = np.concatenate([theirs, compared.queries[asked : asked + queries]])
            asked += queries
        cosines = products(raw.vectors, theirs, frame.items.slots[start:stop])
        if history:
            _against_history(cosines, history, out[start:stop, :5])
        if hidden:
            out[start:stop, 5] = cosines[:, history : history + hidden].max(axis=1)
        if queries:
            out[start:stop, 6] = cosines[:, history + hidden :].max(axis=1)
    out[frame.items.slots == NO_SLOT] = np.nan
    return out


def _against_history(cosines: F32, h: int, out: F64) -> None:
    """max, mean, top-3 mean, last and decayed mean over the first h columns, the history, oldest first: out (n, 5)."""
    weights, total = _weights(h)
    top = min(TOP, h)
    found = summaries(cosines, weights, top)
    out[:, 0] = found[:, 0]
    np.divide(found[:, 1], h, out=out[:, 1])
    np.divide(found[:, 3], top, out=out[:, 2])
    out[:, 3] = cosines[:, h - 1]
    np.divide(found[:, 2], total, out=out[:, 4])


@lru_cache(maxsize=SIMILARITY_HISTORY)
def _weights(h: int) -> tuple[F64, float]:
    """Weights of h engagements, oldest first, and their sum in order."""
    weights = 0.5 ** (np.arange(h - 1, -1, -1) / HALF_LIFE_ITEMS)
    weights.flags.writeable = False
    total = 0.0
    for weight in weights.tolist():
        total += weight
    return weights, total


def similarity(frame: Frame, column: str) -> F64:
    """One similarity column (n,); the table is computed once a frame."""
    table = frame.cached("similarity", _table)
    return table[:, _COLUMNS.index(column)]


_DOCS = {
    "max": "highest cosine to a recently read item",
    "mean": "mean cosine to the recently read items",
    "top3": "mean of the three highest cosines to recently read items",
    "last": "cosine to the last item read",
    "decayed": "mean cosine to recently read items, newer ones weighing more",
    "negative": "highest cosine to a recently hidden item",
    "query": "highest cosine to a recent search",
}

_HISTORY = (f"history {SIMILARITY_HISTORY}",)
READS = dict.fromkeys(_COLUMNS, _HISTORY) | {
    "decayed": (*_HISTORY, f"half-life {HALF_LIFE_ITEMS:g} items"),
    "negative": (f"hidden {NEGATIVE_HISTORY}",),
    "query": (f"searches {SEARCHES_KEPT}",),
}

FEATURES: tuple[Feature, ...] = tuple(
    Feature(
        f"sim_{column}",
        "similarity",
        _DOCS[column],
        lambda f, column=column: similarity(f, column),  # type: ignore[misc]
        READS[column],
        reads_vectors=True,
    )
    for column in _COLUMNS
)
