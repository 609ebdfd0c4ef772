"""Similar: people who read what this user read also read these (item-to-item, as Amazon's). Knows nothing of text."""

import threading

import numpy as np

from feedrank.kernels import among, distinct, greatest, summed
from feedrank.pipeline.stages import Query, Reader, Retrieved
from feedrank.state import State
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
        unread = ~among(rows, engaged)
        return Retrieved(*greatest(scores.astype(np.float32), rows, unread, self.quota))


def neighbours(state: State, seeds: I32, now: Micros) -> tuple[I32, F64]:
    """Items read together with `seeds` (newest first), distinct rows (m,) as they first appear, and each one's summed
    cosines (m,).
    """
    rows, weights, sizes = state.co_engaged.rows(seeds, now)
    decay = RANK_DECAY ** np.arange(len(seeds)) / np.sqrt(state.engagements(seeds, now) + PRIOR)
    found, sums = summed(rows, np.repeat(decay, sizes) * weights)
    return found, sums / np.sqrt(state.engagements(found, now) + PRIOR)
