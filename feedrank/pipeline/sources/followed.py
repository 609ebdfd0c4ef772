"""Followed: the newest from the authors, categories and sources a user follows. Knows nothing of popularity."""

import numpy as np

from feedrank.pipeline.lists import SharedLists
from feedrank.pipeline.sources.unread_first import unread_first
from feedrank.pipeline.stages import Query, Reader, Retrieved
from feedrank.state import CODED, State


class FollowedSource:
    """The newest items, unread ones first, of followed authors, categories and sources."""

    name = "followed"

    def __init__(self, state: State, lists: SharedLists, quota: int) -> None:
        self._vocabularies = state.catalog.vocabularies
        self._lists = lists
        self.quota = quota

    def retrieve(self, query: Query, reader: Reader) -> Retrieved:
        """Rows, newest first (m,), m up to the quota, scored by reciprocal place."""
        wanted = np.zeros(len(self._lists.newest), np.bool_)
        for target in reader.profile.follows:
            kind, _, word = target.partition(":")
            if kind in ("author", "category", "source"):
                code = self._vocabularies[kind].find(word)
                if code > 0:
                    wanted |= self._lists.newest_codes[:, CODED.index(kind)] == code
        rows = unread_first(self._lists.newest[wanted], reader.profile)[: self.quota]
        return Retrieved(rows, (1.0 / np.arange(1, len(rows) + 1)).astype(np.float32))
