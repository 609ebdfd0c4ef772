"""Pinned: items that editors' rules pin, so that a pin holds whether or not anything else brings the item."""

import numpy as np

from feedrank.pipeline.rules import Ruleset
from feedrank.pipeline.stages import Query, Reader, Retrieved
from feedrank.state import Catalog


class PinnedSource:
    """The items of every pin rule that holds for the request."""

    name = "pinned"
    quota = 200  # as many as a feed has places

    def __init__(self, rules: Ruleset, catalog: Catalog) -> None:
        self._rules = rules
        self._catalog = catalog

    def retrieve(self, query: Query, reader: Reader) -> Retrieved:
        """Rows (m,), in rule order, all with score 0."""
        pins = self._rules.ruling(query, "pin")
        found = (self._catalog.row_of.get(item_id) for rule in pins for item_id in rule.items.item_ids)
        rows = np.array(list(dict.fromkeys(row for row in found if row is not None)), np.int32)
        return Retrieved(rows, np.zeros(len(rows), np.float32))
