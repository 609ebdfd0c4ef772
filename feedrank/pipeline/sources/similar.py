"""Similar: people who read what this user read also read these (item-to-item, as Amazon's). Knows nothing of text."""

import threading

import numpy as np

from feedrank.kernels import among, distinct
from feedrank.pipeline.stages import Query, Reader, Retrieved
from feedrank.state import Count, State
from feedrank.types import F64, I32, Micros

# Weight of each next older item read: the next click goes with the last few. Recall on two publishers rises down to 0.5
# (docs/retrieval.md), and the eleventh item then counts for a thousandth.
RANK_DECAY = 0.5
HISTORY = 10  # newest distinct engaged items that count
PRIOR = 1.0  # engagements added to each side: one joint reader of two rare items is no certainty


class SimilarSource:
    """Neighbours of the newest engaged items: decayed co-engagement over the geometric mean of both items' own."""

    name = "similar"

    def __init__(self, state: State, lock: threading.Lock, quota: int) -> None:
        self._state = state
        self._lock = lock
        self.quota = quota

    def retrieve(self, query: Query, reader: Reader) -> Retrieved:
        """Rows, best first (m,), m up to the quota."""
        engaged = reader.profile.engaged_rows[::-1]
        recent = distinct(engaged)[:HISTORY]
        with self._lock:
            recent = recent[recent < self._state.catalog.rows]
            rows, scores = neighbours(self._state, recent, query.now)
        keep = ~among(rows, engaged)
        rows, scores = rows[keep], scores[keep]
        best = np.argsort(-scores, kind="stable")[: self.quota]
        return Retrieved(rows[best], scores[best].astype(np.float32))


def neighbours(state: State, seeds: I32, now: Micros) -> tuple[I32, F64]:
    """Items read together with `seeds` (newest first): distinct rows (m,) ascending and summed cosine scores (m,)."""
    found = [state.co_engaged.row(int(seed), now) for seed in seeds]
    if not found or not any(len(rows) for rows, _ in found):
        return np.empty(0, np.int32), np.empty(0)
    own = _engagements(state, seeds, now)
    rows = np.concatenate([r for r, _ in found])
    others = _engagements(state, rows, now)
    sizes = [len(r) for r, _ in found]
    decay = np.repeat(RANK_DECAY ** np.arange(len(found)), sizes)
    weights = np.concatenate([w for _, w in found])
    cosines = decay * weights / np.sqrt((np.repeat(own, sizes) + PRIOR) * (others + PRIOR))
    distinct, inverse = np.unique(rows, return_inverse=True)
    return distinct.astype(np.int32), np.bincount(inverse, cosines).astype(np.float64)


def _engagements(state: State, rows: I32, now: Micros) -> F64:
    longest = len(state.items.half_lives) - 1
    clicks = state.items.column(rows, Count.CLICKS, longest, now)
    return clicks + state.items.column(rows, Count.READS, longest, now)
