"""Which story an article belongs to: that of the nearest earlier article that tells nearly the same.

A story is named by the row of the article that began it and is fixed when the article's first vector lands. Knows
nothing of the log or of text.
"""

from dataclasses import dataclass

import numpy as np

from feedrank.state.vectors import VectorTable
from feedrank.types import F32, I32, I64, Micros, Row


@dataclass(frozen=True, slots=True)
class Told:
    """Articles whose story is settled, aligned."""

    vectors: F32  # (n, d) unit length
    times: I64  # (n,) when published, or landed where that is unknown
    stories: I32  # (n,) the row that names the story


def assign_stories(rows: I32, vectors: F32, times: I64, told: Told, threshold: float, within: Micros) -> I32:
    """The story row of each of a batch of articles, settled in order, so that one may join a story begun earlier in the
    batch.

    An article joins the story of the article of greatest cosine among those settled before it and published within
    `within` of it, if that cosine is at least `threshold`; else it begins its own. The first in order wins a tie. The
    window reaches to both sides of its time, because of two tellings of one story the one published first may be sent
    last.

    Args:
        rows, vectors, times: the batch: `(n,)`, `(n, d)` float32 unit length, `(n,)` microseconds.
        told: what is settled already.

    Returns: `(n,)` int32 rows.
    """
    n, before = len(rows), len(told.stories)
    all_times = np.concatenate([told.times, times])
    cosines = vectors @ np.concatenate([told.vectors, vectors]).T  # (n, before + n)
    candidates = (np.abs(all_times - times[:, None]) <= within) & (cosines >= threshold)
    candidates[:, before:] &= np.tri(n, k=-1, dtype=np.bool_)  # only earlier ones of the batch
    nearest = np.argmax(np.where(candidates, cosines, -np.inf), axis=1)
    stories = np.concatenate([told.stories, rows]).astype(np.int32)
    for number in np.flatnonzero(candidates.any(axis=1)):
        stories[before + number] = stories[nearest[number]]
    return stories[before:]


class StoryBook:
    """The settled stories of a catalog and the vectors in force in one space; grows as vectors land. For one thread."""

    def __init__(self, threshold: float, within: Micros) -> None:
        self._threshold = threshold
        self._within = within
        self._table: VectorTable | None = None  # until the first vector tells the dimensions
        self._story_of_row = np.full(0, -1, np.int32)
        self._time_of_row = np.zeros(0, np.int64)

    def settle(self, row: Row, story: Row, time: Micros) -> None:
        """Takes note of a row's story and of the time the row counts at. A row's first story stays."""
        self._reach(row + 1)
        if self._story_of_row[row] < 0:
            self._story_of_row[row] = story
            self._time_of_row[row] = time

    def hold(self, row: Row, values: F32) -> None:
        """Takes note of the vector now in force for a row, `(d,)` unit length."""
        if self._table is None:
            self._table = VectorTable(len(values))
        self._table.land(row, values)

    def assign(self, rows: I32, vectors: F32, times: I64) -> I32:
        """The stories of a batch of rows, by `assign_stories` over all that is held; settled rows keep theirs.

        Settles nothing.
        """
        self._reach(int(rows.max(initial=-1)) + 1)
        stories = self._story_of_row[rows]
        new = stories < 0
        if new.any():
            told = self._told(int(times[new].min()), int(times[new].max()), vectors.shape[1])
            stories[new] = assign_stories(rows[new], vectors[new], times[new], told, self._threshold, self._within)
        return stories

    def _told(self, earliest: Micros, latest: Micros, dimensions: int) -> Told:
        """What a batch with times within these bounds may join, by row."""
        if self._table is None:
            return Told(np.empty((0, dimensions), np.float32), np.empty(0, np.int64), np.empty(0, np.int32))
        near = np.abs(self._time_of_row - np.clip(self._time_of_row, earliest, latest)) <= self._within
        rows = np.flatnonzero(near & (self._story_of_row >= 0)).astype(np.int32)
        rows = rows[self._table.slots_of(rows) >= 0]
        return Told(self._table.gather(rows)[0], self._time_of_row[rows], self._story_of_row[rows])

    def _reach(self, rows: int) -> None:
        """Makes the row columns hold at least `rows` rows."""
        have = len(self._story_of_row)
        if rows > have:
            more = max(rows, 2 * have) - have
            self._story_of_row = np.concatenate([self._story_of_row, np.full(more, -1, np.int32)])
            self._time_of_row = np.concatenate([self._time_of_row, np.zeros(more, np.int64)])
