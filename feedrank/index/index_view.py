"""One immutable state of a vector index, and the exact search over it.

Sealed segments hold unit vectors as FAISS fp16 codes: the vectors are float16 already, so nothing is lost, and the scan
is twice as fast as float32 at 100,000 x 384 and no slower at 10,000. FAISS proposes candidates; their scores are then
computed once more in one fixed order of summation, so a (query, vector) pair scores the same bits wherever the vector
is kept, and ties go to the lower row. Knows nothing of how views come about (see `segments`), of items, or of the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import faiss
import numpy as np

from feedrank.errors import InvalidInput
from feedrank.index.vectors import F16, NORM_TOLERANCE, check_unit, widen
from feedrank.types import F32, I32, I64, Bools

SPARE = 32  # candidates fetched beyond k, so that rounding at the boundary seldom needs a second scan
GROWTH = 4  # how much more the next scan fetches when the first cannot prove its result
SELECTOR_BELOW = 0.9  # share of eligible vectors under which a selector beats fetching more and dropping some
ROUNDING = 2.0**-24  # unit roundoff of float32


class SealedSegment:
    """Vectors that never change: FAISS fp16 codes, and the row of each."""

    def __init__(self, uid: int, rows: I32, halves: F16) -> None:
        """Takes `(n,)` rows and `(n, d)` float16 vectors; copies the vectors into the index."""
        n, dimensions = halves.shape
        self.uid = uid
        self.rows = rows
        self._index = faiss.IndexScalarQuantizer(dimensions, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        self._index.add_sa_codes(np.ascontiguousarray(halves).view(np.uint8))
        codes = faiss.rev_swig_ptr(self._index.codes.data(), n * dimensions * 2)
        self.halves: F16 = codes.view(np.float16).reshape(n, dimensions)  # the index's own memory, not a copy
        self.halves.flags.writeable = False
        self.rows.flags.writeable = False

    def scan(self, query: F32, fetch: int, selector: faiss.IDSelector | None) -> tuple[F32, I64]:
        """The `fetch` best places by FAISS's own summation: raw scores, descending, and places; fewer if there are
        fewer.
        """
        parameters = None if selector is None else faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        raw, places = self._index.search(query[None, :], fetch, params=parameters)
        found = places[0] >= 0
        return raw[0][found], places[0][found]


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
class _Eligible:
    """What one search may return from one sealed part, and how to scan for it."""

    segment: SealedSegment
    mask: Bools | None  # None: every place
    selector: faiss.IDSelector | None
    reachable: int  # places a scan can return, eligible or not
    share: float  # eligible among reachable


def exact_scores(values: F32, query: F32) -> F32:
    """Inner products of `(n, d)` with `(d,)`; each row's bits depend on that row and the query alone."""
    scores: F32 = np.einsum("nd,d->n", values, query)
    return scores


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
        """The k live rows of greatest inner product with each query, exactly as brute force would give them.

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
        rows = np.full((len(queries), k), -1, np.int32)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        if k == 0 or self.live == 0:
            return rows, scores
        faiss.omp_set_num_threads(1)  # of the calling thread: FAISS would otherwise start one per core in every request
        parts = [_eligible(part, allowed) for part in self.sealed]
        tail_mask = self.tail.alive if allowed is None else self.tail.alive & _allows(allowed, self.tail.rows)
        for number, query in enumerate(queries):
            best_rows, best_scores = self._best([p for p in parts if p.share > 0], tail_mask, query, min(k, self.live))
            rows[number, : len(best_rows)] = best_rows
            scores[number, : len(best_rows)] = best_scores
        return rows, scores

    def _best(self, parts: Sequence[_Eligible], tail_mask: Bools, query: F32, k: int) -> tuple[I32, F32]:
        """The best k for one query, scanning until the result is proved.

        Two sums of d products differ by at most `slack` (Higham, Accuracy and Stability, 3.1), so a place that was not
        fetched has an exact score of at most `bound + slack`; once the k-th exact score is above that, no such place
        belongs among the k.
        """
        slack = 2 * self.dimensions * ROUNDING * (1 + NORM_TOLERANCE) ** 2
        tail_rows = self.tail.rows[tail_mask]
        tail_scores = exact_scores(self.tail.values, query)[tail_mask]
        wanted = k + SPARE
        while True:
            proposals, bound = _propose(parts, query, wanted)
            rows = np.concatenate([tail_rows, *(segment.rows[places] for segment, places in proposals)])
            exact = (exact_scores(widen(segment.halves[places]), query) for segment, places in proposals)
            scores = np.concatenate([tail_scores, *exact])
            order = np.lexsort((rows, -scores))[:k]
            if bound == -np.inf or (len(order) == k and float(scores[order[-1]]) > bound + slack):
                return rows[order], scores[order]
            wanted *= GROWTH


def _propose(parts: Sequence[_Eligible], query: F32, wanted: int) -> tuple[list[tuple[SealedSegment, I64]], float]:
    """About `wanted` places of greatest raw score over all parts, and a raw score no other eligible place exceeds."""
    bound = -np.inf
    found: list[tuple[SealedSegment, F32, I64]] = []
    for part in parts:
        fetch = min(int(wanted / part.share), part.reachable)
        raw, places = part.segment.scan(query, fetch, part.selector)
        if fetch < part.reachable:
            bound = max(bound, float(raw[-1]))
        if part.mask is not None and part.selector is None:
            kept = part.mask[places]
            raw, places = raw[kept], places[kept]
        found.append((part.segment, raw, places))
    if len(found) > 1:
        together = np.concatenate([raw for _, raw, _ in found])
        if len(together) > wanted:  # widening the vectors of every part's proposals would cost more than their scans
            bound = max(bound, float(np.partition(together, -wanted)[-wanted]))
            found = [(segment, raw, places[raw >= bound]) for segment, raw, places in found]
    return [(segment, places) for segment, _, places in found], bound


def _allows(allowed: Bools, rows: I32) -> Bools:
    inside = rows < len(allowed)
    inside[inside] = allowed[rows[inside]]
    return inside


def _eligible(part: SealedPart, allowed: Bools | None) -> _Eligible:
    size = len(part.alive)
    if allowed is None:
        mask, count = part.alive, part.live
    else:
        mask = part.alive & _allows(allowed, part.segment.rows)
        count = int(np.count_nonzero(mask))
    if count == size:
        return _Eligible(part.segment, None, None, size, 1.0)
    if count < SELECTOR_BELOW * size:
        bits = np.packbits(mask, bitorder="little")
        selector = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg,arg-type]
        return _Eligible(part.segment, mask, selector, count, 1.0 if count else 0.0)
    return _Eligible(part.segment, mask, None, size, count / size)
