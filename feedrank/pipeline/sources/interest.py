"""Interest: items whose text is nearest to the user's interest vectors and recent searches.

Knows nothing of popularity.
"""

from typing import Protocol

import numpy as np

from feedrank.kernels import among, positions
from feedrank.pipeline.sources.trending import interleave
from feedrank.pipeline.stages import Query, Reader, Retrieved
from feedrank.types import F32, I32


class NearestNeighbours(Protocol):
    """What is searched: rows (q, k) int32 padded with -1, scores (q, k) float32, best first."""

    def search(self, queries: F32, k: int) -> tuple[I32, F32]: ...


OVERFETCH = 1.5  # some of what is near has been read already, and interests overlap


class InterestSource:
    """The nearest items of each interest vector, interleaved."""

    name = "interest"

    def __init__(self, index: NearestNeighbours, quota: int) -> None:
        self._index = index
        self.quota = quota

    def retrieve(self, query: Query, reader: Reader) -> Retrieved:
        """Rows (m,), each interest's best first, m up to the quota; none for a user without interests."""
        interests = reader.interests
        if not len(interests):
            return Retrieved(np.empty(0, np.int32), np.empty(0, np.float32))
        each = int(np.ceil(OVERFETCH * self.quota / len(interests))) + len(reader.profile.engaged_rows) // len(
            interests
        )
        found, scores = self._index.search(interests, each)
        lists = [rows[rows >= 0] for rows in found]
        read = reader.profile.engaged_rows
        rows = interleave([mine[~among(mine, read)] for mine in lists])[: self.quota]
        best = _best_score(rows, found, scores)
        return Retrieved(rows, best)


def _best_score(rows: I32, found: I32, scores: F32) -> F32:
    """The highest cosine each row was found with, (m,)."""
    best_first = np.argsort(-scores, axis=None)
    return np.asarray(scores.ravel()[best_first[positions(rows, found.ravel()[best_first])]], np.float32)
