"""Trending: what many read now, overall, in the user's region and in the user's categories. Knows nothing of text."""

import threading

import numpy as np

from feedrank.kernels import distinct
from feedrank.pipeline.lists import SharedLists
from feedrank.pipeline.sources.unread_first import unread_first
from feedrank.pipeline.stages import Query, Reader, Retrieved
from feedrank.state import State
from feedrank.types import I32

REGIONAL = 200  # most read items of the region
TOP_CATEGORIES = 3  # of the user's history that get their own share


class TrendingSource:
    """Interleaves the overall list with those of the region and of the user's top categories, unread items first.

    Beyond the quota, the overall list goes on.
    """

    name = "trending"

    def __init__(self, state: State, lock: threading.Lock, lists: SharedLists, quota: int) -> None:
        self._state = state
        self._lock = lock
        self._lists = lists
        self.quota = quota

    def retrieve(self, query: Query, reader: Reader) -> Retrieved:
        """Rows, best first (m,), scored by reciprocal place."""
        lists = self._lists
        chosen = [lists.trending]
        region = self._state.region_names.find(query.context.region)
        if region > 0:
            with self._lock:
                rows, weights = self._state.regional.row(region, query.now)
            chosen.append(rows[np.argsort(-weights, kind="stable")[:REGIONAL]])
        chosen.extend(
            lists.by_category[c] for c in self._categories(reader.profile.engaged_rows) if c in lists.by_category
        )
        rows = unread_first(interleave(chosen), reader.profile)
        return Retrieved(rows, (1.0 / np.arange(1, len(rows) + 1)).astype(np.float32))

    def _categories(self, engaged: I32) -> list[int]:
        """The user's most read categories, most read first."""
        engaged = engaged[engaged < self._state.catalog.rows]
        if not len(engaged):
            return []
        codes = self._state.catalog.columns["category"][engaged]
        counts = np.bincount(codes)
        counts[0] = 0
        top = np.argsort(-counts, kind="stable")[:TOP_CATEGORIES]
        return [int(c) for c in top if counts[c] > 0]


def interleave(lists: list[I32]) -> I32:
    """Round-robin of several ordered lists without repeats, (m,) int32."""
    if len(lists) == 1:
        return lists[0]
    places = np.concatenate([np.arange(len(rows)) for rows in lists])
    which = np.repeat(np.arange(len(lists)), [len(rows) for rows in lists])
    return distinct(np.concatenate(lists)[np.lexsort((which, places))])
