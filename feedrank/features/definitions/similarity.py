"""Similarity: the candidate's vector against those of what the user read, hid and searched for.

All vectors are unit length, so inner products are cosines; their bits do not depend on the batch.
Knows nothing of how vectors were made.
"""

import numpy as np

from feedrank.features.definition import Feature
from feedrank.features.frame import Frame
from feedrank.features.raw import NEGATIVE, NEGATIVE_HISTORY, POSITIVE, QUERY, SIMILARITY_HISTORY
from feedrank.kernels import products, summaries
from feedrank.settings import SEARCHES_KEPT
from feedrank.types import F32, F64

TOP = 3
HALF_LIFE_ITEMS = 10.0  # decayed mean: weight halves every ten engagements
_COLUMNS = ("max", "mean", "top3", "last", "decayed", "negative", "query")


def _table(frame: Frame) -> F64:
    """All similarity columns, (n, len(_COLUMNS)), NaN where there is nothing to compare."""
    out = np.full((frame.n, len(_COLUMNS)), np.nan)
    items, compared = frame.items, frame.raw.compared
    for r in range(len(frame.sizes)):
        mine = slice(frame.raw.item_offsets[r], frame.raw.item_offsets[r + 1])
        theirs = slice(frame.raw.compared_offsets[r], frame.raw.compared_offsets[r + 1])
        if theirs.start == theirs.stop or not items.has_vector[mine].any():
            continue
        cosines = products(items.vectors[mine], compared.vectors[theirs])
        kinds = compared.kinds[theirs]
        block = np.full((mine.stop - mine.start, len(_COLUMNS)), np.nan)
        history = int(np.count_nonzero(kinds == POSITIVE))  # they come first
        if history:
            block[:, :5] = _against_history(cosines, history)
        for column, kind in ((5, NEGATIVE), (6, QUERY)):
            if (kinds == kind).any():
                block[:, column] = cosines[:, kinds == kind].max(axis=1)
        block[~items.has_vector[mine]] = np.nan
        out[mine] = block
    return out


def _against_history(cosines: F32, h: int) -> F64:
    """max, mean, top-3 mean, last and decayed mean over the first h columns: the history, oldest first."""
    weights = 0.5 ** (np.arange(h - 1, -1, -1) / HALF_LIFE_ITEMS)
    top = min(TOP, h)
    found = summaries(cosines, weights, top)
    last = cosines[:, h - 1].astype(np.float64)
    return np.stack([found[:, 0], found[:, 1] / h, found[:, 3] / top, last, found[:, 2] / _in_order(weights)], axis=1)


def _in_order(values: F64) -> float:
    total = 0.0
    for value in values.tolist():
        total += value
    return total


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
