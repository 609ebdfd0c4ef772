"""The caller's own candidates: a backend that retrieves by itself asks only for the order.

Knows nothing of any other source.
"""

import numpy as np

from feedrank.pipeline.stages import Query, Reader, Retrieved
from feedrank.state import Catalog


class CallerSource:
    """`candidate_ids` in the caller's order, without those the catalog has never held."""

    name = "candidate_ids"

    def __init__(self, catalog: Catalog, quota: int) -> None:
        self._catalog = catalog
        self.quota = quota

    def retrieve(self, query: Query, reader: Reader) -> Retrieved:
        """Rows of the known ids (m,), all with score 0."""
        found = (self._catalog.row_of.get(item_id) for item_id in query.candidate_ids)
        rows = np.array(list(dict.fromkeys(row for row in found if row is not None)), np.int32)
        return Retrieved(rows, np.zeros(len(rows), np.float32))
