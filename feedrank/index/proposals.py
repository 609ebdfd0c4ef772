"""Places that may be nearest, proposed by FAISS: the scan where no kernels are compiled.

FAISS keeps the same float16 numbers and sums them in an order of its own, so what it finds is proven by exact scores
before it counts. Knows nothing of rows, views, or whether a place is alive.
"""

import faiss
import numpy as np

from feedrank.index.vectors import NORM_TOLERANCE
from feedrank.kernels import products
from feedrank.types import F16, F32, I64, Bools

SPARE = 32  # places fetched beyond k, so that rounding at the boundary seldom needs a second scan
GROWTH = 4  # how much more the next scan fetches when the first cannot prove its result
ROUNDING = 2.0**-24  # unit roundoff of float32


class Proposals:
    """A FAISS index over vectors that never change."""

    def __init__(self, halves: F16) -> None:
        """Takes (n, d) float16 vectors, and copies them."""
        self._halves = halves
        dimensions = halves.shape[1]
        self._index = faiss.IndexScalarQuantizer(dimensions, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        self._index.add_sa_codes(np.ascontiguousarray(halves).view(np.uint8))

    def places(self, query: F32, k: int, eligible: Bools) -> I64:
        """Places among which the k eligible ones of greatest exact score with `query` (d,) are, in no order.

        Two sums of d products differ by at most `slack` (Higham, Accuracy and Stability, 3.1), so a place that was not
        fetched has an exact score of at most `bound + slack`; once the k-th exact score is above that, no such place
        belongs among the k.
        """
        faiss.omp_set_num_threads(1)  # of the calling thread: FAISS would otherwise start one per core in every request
        selector = faiss.IDSelectorBitmap(np.packbits(eligible, bitorder="little"))  # type: ignore[call-arg,arg-type]
        parameters = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        slack = 2 * len(query) * ROUNDING * (1 + NORM_TOLERANCE) ** 2
        reachable = int(np.count_nonzero(eligible))
        wanted = min(k + SPARE, reachable)
        while True:
            raw, found = self._index.search(query[None, :], wanted, params=parameters)
            places: I64 = found[0][found[0] >= 0]
            if wanted == reachable:
                return places
            exact = products(self._halves, query[None, :], places.astype(np.int32))[:, 0]
            if float(np.partition(exact, -k)[-k]) > float(raw[0][-1]) + slack:
                return places
            wanted = min(wanted * GROWTH, reachable)
