"""What a worker derives from the log and keeps in memory: item state, and a vector index a space, fed by one tailing
thread.

Counters and catalog columns are written under `lock`, for moments, and read under it once a request; an index
publishes immutable views of its own. Knows nothing of models, rules or requests.
"""

import threading
from collections.abc import Mapping

import numpy as np

from feedrank.index.retrievable import Retrievable
from feedrank.index.segments import VectorIndex
from feedrank.records import Fact, decode
from feedrank.state import State, apply
from feedrank.store import LogStore
from feedrank.types import Micros, Pause, no_pause

BATCH = 64  # facts decoded, and folded, between two pauses: the lock is held for a part of a millisecond
READ = 5_000  # records read from the store at a time


class Live:
    """Item state and vector indices as of `position`. One thread folds; any number read."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()
        self.lock = threading.Lock()
        self._retrievable = Retrievable(self.state)

    @property
    def indices(self) -> Mapping[str, VectorIndex]:
        """The vector index of each space."""
        return self._retrievable.indices

    @property
    def position(self) -> int:
        """Offset of the last record folded."""
        return self.state.position

    def follow(self, store: LogStore, pause: Pause = no_pause) -> list[Fact]:
        """Folds the next stretch of the log, if any, and returns its facts; pauses now and then."""
        records = store.read(self.position, READ)
        if not records:
            return []
        facts: list[Fact] = []
        for start in range(0, len(records), BATCH):
            pause()
            decoded = (decode(record) for record in records[start : start + BATCH])
            facts += [fact for fact in decoded if fact is not None]
        for start in range(0, len(facts), BATCH):
            pause()
            apply(self.state, facts[start : start + BATCH], self.lock)
        self.state.position = records[-1].offset  # kinds this version does not know move the position too
        self._retrievable.follow(facts)
        return facts

    def expire(self, now: Micros) -> None:
        """Takes expired items out of every index."""
        self._retrievable.expire(now)

    @property
    def wants_compaction(self) -> bool:
        """Whether searches would gain from `compact`."""
        return self._retrievable.wants_compaction

    def compact(self) -> None:
        """Merges index segments where searches would gain from it; searches, adds and removals go on meanwhile."""
        self._retrievable.compact()

    def fullest_space(self) -> str:
        """The space in which most items have a vector, "" without any: what is compared while no model says which."""
        tables = self.state.vectors
        return max(sorted(tables), key=lambda space: np.count_nonzero(tables[space].slot_of_row >= 0), default="")
