"""One immutable state of a vector index, and the search over it: exact, but for large segments in cells (`cells`).

Sealed segments hold unit vectors as float16, the tail as float32 numbers that are float16 already. Every score is an
inner product of `feedrank.kernels`, whose bits hang on the query and the vector alone, so a pair scores the same
wherever the vector is kept; ties go to the lower row. Where the kernels are compiled a scan scores every place;
elsewhere FAISS proposes places (`proposals`), which are then scored. Knows nothing of how views come about (see
`segments`), of items, or of the log.
"""

from dataclasses import dataclass

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.index.cells import Cells
from feedrank.index.proposals import Proposals
from feedrank.index.vectors import check_unit
from feedrank.kernels import COMPILED, nearest
from feedrank.types import F16, F32, I32, I64, Bools

SPARSE = 0.25  # share of places a search may return under which they are scored one by one, not in passing


class SealedSegment:
    """Vectors that never change, and the row of each; a large one's may be sorted by cell."""

    def __init__(self, uid: int, rows: I32, halves: F16, cells: Cells | None = None) -> None:
        """Takes `(n,)` rows and `(n, d)` float16 vectors, in the order of the cells if there are any."""
        self.uid = uid
        self.rows = rows
        self.halves: F16 = np.ascontiguousarray(halves)
        self.cells = cells
        self._proposals = None if COMPILED or cells else Proposals(self.halves)
        self.halves.flags.writeable = False
        self.rows.flags.writeable = False

    def best(self, queries: F32, k: int, eligible: Bools) -> tuple[I32, F32]:
        """For each query the rows and scores (q, k) of its best eligible places, best first, padded as `nearest` does.

        `eligible` is (n,). Of a segment with cells, those that the cells nearest to any of the queries hold.
        """
        if self._proposals is not None:
            each = [self._of(self._proposals.places(q, k, eligible), q[None], k, eligible) for q in queries]
            return np.concatenate([rows for rows, _ in each]), np.concatenate([scores for _, scores in each])
        if np.count_nonzero(eligible) < SPARSE * len(eligible):
            return self._of(np.flatnonzero(eligible), queries, k, eligible)
        if self.cells is not None:
            places = self.cells.places(queries)
            return self._of(places[eligible[places]], queries, k, eligible)
        return nearest(self.halves, self.rows, eligible, queries, k)

    def _of(self, places: I64 | I32, queries: F32, k: int, eligible: Bools) -> tuple[I32, F32]:
        """The best k of the given places for each query."""
        return nearest(self.halves, self.rows, eligible, queries, k, places.astype(np.int32))


@dataclass(frozen=True, slots=True)
class SealedPart:
    """A sealed segment and which of its places are live in one view."""

    segment: SealedSegment
    alive: Bools  # (n,)
    live: int


@dataclass(frozen=True, slots=True)
class Tail:
    """The places appended since the last seal, as (array, length) slices; values are float16 numbers as float32."""

    uid: int
    rows: I32  # (length,)
    values: F32  # (length, d)
    alive: Bools  # (length,)
    live: int


@dataclass(frozen=True, slots=True)
class IndexView:
    """Everything retrievable at one moment.

    Readers may hold it as long as they like; nothing it reaches is written again.
    """

    dimensions: int
    sealed: tuple[SealedPart, ...]
    tail: Tail

    @property
    def live(self) -> int:
        """How many rows a search without a mask can return."""
        return sum(part.live for part in self.sealed) + self.tail.live

    def search(self, queries: F32, k: int, allowed: Bools | None = None) -> tuple[I32, F32]:
        """The k live rows of greatest inner product with each query, as brute force would give them.

        Of segments in cells some may be missed; what is returned has its exact score in any case.

        Args:
            queries: `(q, d)` float32, unit length, so that scores are cosines.
            k: at least 0.
            allowed: `(rows,)`, whether a row may be returned; rows beyond its end may not. None: all may.

        Returns: rows `(q, k)` int32, best first, equal scores by row, padded with -1; scores `(q, k)` float32, padded
        with -inf.

        Raises:
            InvalidInput: for a wrong shape, a value that is not finite, a length other than one, or a negative k.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        check_unit(queries, self.dimensions)
        if k < 0:
            raise InvalidInput(f"k is {k}; send 0 or more")
        found = [(np.full((len(queries), k), -1, np.int32), np.full((len(queries), k), -np.inf, np.float32))]
        if k == 0 or len(queries) == 0:
            return found[0]
        tail = self.tail.alive if allowed is None else self.tail.alive & _allows(allowed, self.tail.rows)
        if tail.any():
            found.append(nearest(self.tail.values, self.tail.rows, tail, queries, k))
        for part in self.sealed:
            eligible = part.alive if allowed is None else part.alive & _allows(allowed, part.segment.rows)
            if eligible.any():
                found.append(part.segment.best(queries, k, eligible))
        return found[-1] if len(found) <= 2 else _merged(found, k)


def _merged(parts: list[tuple[I32, F32]], k: int) -> tuple[I32, F32]:
    """The best k of several parts' best, (q, k)."""
    rows = np.concatenate([mine for mine, _ in parts], axis=1)
    scores = np.concatenate([mine for _, mine in parts], axis=1)
    order = np.lexsort((rows, -scores), axis=1)[:, :k]
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _allows(allowed: Bools, rows: I32) -> Bools:
    inside = rows < len(allowed)
    inside[inside] = allowed[rows[inside]]
    return inside
