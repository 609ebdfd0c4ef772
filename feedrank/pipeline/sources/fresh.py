"""Fresh: the newest items, so that everything gets a chance before anyone has read it. Knows nothing of the user but
what was read.
"""

import numpy as np

from feedrank.pipeline.lists import SharedLists
from feedrank.pipeline.sources.unread_first import unread_first
from feedrank.pipeline.stages import Query, Reader, Retrieved


class FreshSource:
    """The newest items in order, unread ones first; beyond the quota, older ones."""

    name = "fresh"

    def __init__(self, lists: SharedLists, quota: int, kept: int) -> None:
        self._lists = lists
        self._kept = kept
        self.quota = quota

    def retrieve(self, query: Query, reader: Reader) -> Retrieved:
        """Rows, newest first (m,), scored by reciprocal place."""
        known = reader.profile
        spare = len(known.engaged_rows) + len(known.hidden_rows)
        rows = unread_first(self._lists.newest[: self._kept + spare], known)[: self._kept]
        return Retrieved(rows, (1.0 / np.arange(1, len(rows) + 1)).astype(np.float32))
