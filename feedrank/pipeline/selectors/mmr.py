"""Maximal marginal relevance: the next item is relevant and unlike what already stands.

Carbonell, Goldstein: "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries",
SIGIR 1998. With calibration, relevance less likeness gives way to what keeps the feed's categories in proportion. Knows
nothing of pins, caps or exploration.
"""

import numpy as np

from feedrank.features import Raw
from feedrank.kernels import foremost, raised
from feedrank.pipeline.selectors.calibration import Calibration
from feedrank.state import CODED, NO_SLOT
from feedrank.types import F64, I32, Bools

POOL = 200  # best candidates that diversity may move; what is far below stays where its score puts it
SAME_CATEGORY, SAME_SUBCATEGORY = 0.3, 0.5  # likeness of items without text


class Diversity:
    """Marginal relevance of candidates against the places filled so far.

    Relevance is the score scaled to 0..1 over the pool; likeness is the cosine of text vectors, or, where one is
    missing, whether category and subcategory agree.
    """

    def __init__(self, raw: Raw, final: F64, ranked: I32, weight: float, calibration: Calibration) -> None:
        self._weight = weight
        self._calibration = calibration
        self._ranked = ranked
        self._pool = ranked[:POOL]
        pooled = final[self._pool]
        spread = float(pooled.max() - pooled.min()) if len(pooled) else 0.0
        relevance = (pooled - pooled.min()) / spread if spread > 0 else np.zeros(len(pooled))
        self._relevance = (1.0 - weight) * relevance
        self._likeness = np.zeros(len(pooled))  # to the most alike item placed so far
        items = raw.items
        self._items = items
        self._categories = items.codes[self._pool, CODED.index("category")].astype(np.int64)  # NumPy's own index
        self._subcategories = items.codes[self._pool, CODED.index("subcategory")]
        self._vectors = raw.vectors
        self._slots = items.slots[self._pool]
        self._all_have = bool(len(pooled)) and bool((self._slots != NO_SLOT).all())

    def place(self, chosen: int) -> None:
        """Notes that a candidate now stands."""
        self._calibration.place(chosen)
        if self._weight == 0.0:
            return
        slot = int(self._items.slots[chosen])
        if self._all_have and slot != NO_SLOT:
            raised(self._likeness, self._vectors, self._slots, slot)
        else:
            self._likeness = np.maximum(self._likeness, self._like(chosen))

    def best(self, allowed: Bools) -> int:
        """The allowed candidate of highest marginal relevance, ties to the higher score; -1 if none is allowed."""
        first = foremost(self._marginal(), self._pool, allowed)
        if first >= 0:
            return int(self._pool[first])
        left = self._ranked[allowed[self._ranked]]
        return int(left[0]) if len(left) else -1

    def marginal(self, allowed: Bools) -> tuple[I32, F64]:
        """The pool's allowed candidates by score, and the marginal relevance of each."""
        open_ = allowed[self._pool]
        return self._pool[open_], self._marginal()[open_]

    def _marginal(self) -> F64:
        """Of the whole pool."""
        marginal = self._relevance - self._weight * self._likeness
        return self._calibration.weigh(marginal, self._categories) if self._calibration.weight > 0.0 else marginal

    def _like(self, chosen: int) -> F64:
        """Where some of the pool, or the chosen one, have no text."""
        items = self._items
        category, subcategory = (
            items.codes[chosen, CODED.index("category")],
            items.codes[chosen, CODED.index("subcategory")],
        )
        same = (self._categories == category) & (category > 0)
        closer = same & (self._subcategories == subcategory) & (subcategory > 0)
        likeness = np.where(closer, SAME_SUBCATEGORY, np.where(same, SAME_CATEGORY, 0.0))
        if items.slots[chosen] != NO_SLOT:
            cosines = np.zeros(len(likeness))
            raised(cosines, self._vectors, self._slots, int(items.slots[chosen]))
            likeness = np.where(self._slots != NO_SLOT, cosines, likeness)
        return likeness
