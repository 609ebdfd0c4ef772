"""Maximal marginal relevance: the next item is relevant and unlike what already stands.

Carbonell, Goldstein: "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries",
SIGIR 1998. With calibration, relevance less likeness gives way to what keeps the feed's categories in proportion. Knows
nothing of pins, caps or exploration.
"""

import numpy as np

from feedrank.features import Raw
from feedrank.kernels import products
from feedrank.pipeline.selectors.calibration import Calibration
from feedrank.state import CODED
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
        self._relevance = (pooled - pooled.min()) / spread if spread > 0 else np.zeros(len(pooled))
        self._likeness = np.zeros(len(pooled))  # to the most alike item placed so far
        self._raw = raw

    def place(self, chosen: int) -> None:
        """Notes that a candidate now stands."""
        self._calibration.place(chosen)
        if self._weight > 0.0:
            self._likeness = np.maximum(self._likeness, self._like(chosen))

    def best(self, allowed: Bools) -> int:
        """The allowed candidate of highest marginal relevance, ties to the higher score; -1 if none is allowed."""
        pool, marginal = self.marginal(allowed)
        if len(pool):
            return int(pool[np.argmax(marginal)])
        left = self._ranked[allowed[self._ranked]]
        return int(left[0]) if len(left) else -1

    def marginal(self, allowed: Bools) -> tuple[I32, F64]:
        """The pool's allowed candidates by score, and the marginal relevance of each."""
        open_ = allowed[self._pool]
        pool = self._pool[open_]
        marginal = (1.0 - self._weight) * self._relevance[open_] - self._weight * self._likeness[open_]
        if self._calibration.weight > 0.0:
            marginal = self._calibration.weigh(marginal, pool)
        return pool, marginal

    def _like(self, chosen: int) -> F64:
        items, pool = self._raw.items, self._pool
        categories = items.codes[:, CODED.index("category")]
        subcategories = items.codes[:, CODED.index("subcategory")]
        same = (categories[pool] == categories[chosen]) & (categories[chosen] > 0)
        closer = same & (subcategories[pool] == subcategories[chosen]) & (subcategories[chosen] > 0)
        likeness = np.where(closer, SAME_SUBCATEGORY, np.where(same, SAME_CATEGORY, 0.0))
        if items.vectors.shape[1] and items.has_vector[chosen]:
            query = items.vectors[chosen].astype(np.float32)
            cosines = products(items.vectors, query[None, :], pool)[:, 0]
            likeness = np.where(items.has_vector[pool], np.maximum(cosines, 0.0), likeness)
        return likeness.astype(np.float64)
