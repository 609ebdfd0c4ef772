"""What a worker derives from the log and keeps in memory: item state, and a vector index a space, fed by one tailing
thread.

Counters and catalog columns are written under `lock`, in short batches, and read under it once a request; an index
publishes immutable views of its own. Knows nothing of models, rules or requests.
"""

import threading
from collections.abc import Iterable, Sequence

import numpy as np

from feedrank.index.segments import VectorIndex
from feedrank.records import Fact, ItemDeleted, ItemUpserted, VectorLanded, decode
from feedrank.state import State, apply
from feedrank.store import LogStore
from feedrank.types import I32, Micros

BATCH = 256  # facts folded while the lock is held: a request waits a millisecond or two at most
READ = 5_000  # records read from the store at a time


class Live:
    """Item state and vector indices as of `position`. One thread folds; any number read."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()
        self.lock = threading.Lock()
        self.indices: dict[str, VectorIndex] = {}
        for space, table in self.state.vectors.items():
            index = self.indices[space] = VectorIndex(table.dimensions)
            rows = np.flatnonzero(table.slot_of_row >= 0).astype(np.int32)
            deleted = self.state.catalog.columns["deleted"]
            rows = rows[~deleted[rows]]
            index.add(rows, table.gather(rows)[0])

    @property
    def position(self) -> int:
        """Offset of the last record folded."""
        return self.state.position

    def follow(self, store: LogStore) -> list[Fact]:
        """Folds the next stretch of the log, if any, and returns its facts."""
        records = store.read(self.position, READ)
        if not records:
            return []
        facts = [fact for fact in (decode(record) for record in records) if fact is not None]
        for start in range(0, len(facts), BATCH):
            with self.lock:
                apply(self.state, facts[start : start + BATCH])
        self.state.position = records[-1].offset  # kinds this version does not know move the position too
        self._index(facts)
        return facts

    def _index(self, facts: Sequence[Fact]) -> None:
        landed: dict[str, set[int]] = {}
        for fact in facts:
            if isinstance(fact, VectorLanded):
                landed.setdefault(fact.space, set()).add(fact.row)
            elif isinstance(fact, ItemUpserted):  # an item that comes back finds its vector again
                for space, table in self.state.vectors.items():
                    if table.slots_of(np.array([fact.row], np.int32))[0] >= 0:
                        landed.setdefault(space, set()).add(fact.row)
        for space, rows in landed.items():
            table = self.state.vectors[space]
            if space not in self.indices:
                self.indices[space] = VectorIndex(table.dimensions)
            # A vector may land after its item was deleted: it stays for histories, not for retrieval.
            ordered = np.array([row for row in sorted(rows) if not self._is_deleted(row)], np.int32)
            self.indices[space].add(ordered, table.gather(ordered)[0])
        self.withdraw(fact.row for fact in facts if isinstance(fact, ItemDeleted) and self._is_deleted(fact.row))

    def _is_deleted(self, row: int) -> bool:
        return bool(self.state.catalog.columns["deleted"][row])

    def withdraw(self, rows: Iterable[int]) -> None:
        """Takes rows out of every index."""
        gone: I32 = np.fromiter(rows, np.int32)
        if len(gone):
            for index in self.indices.values():
                index.remove(gone)

    def expire(self, now: Micros) -> None:
        """Takes expired items out of every index."""
        expires = self.state.catalog.column("expires_at")
        self.withdraw(np.flatnonzero((expires > 0) & (expires <= now)).tolist())

    def compact(self) -> None:
        """Merges index segments where searches would gain from it; searches go on meanwhile."""
        for index in self.indices.values():
            if index.wants_compaction:
                index.compact()

    def fullest_space(self) -> str:
        """The space with most vectors, "" without any: what ranks text while no model says which."""
        return max(self.state.vectors, key=lambda space: self.state.vectors[space].slots, default="")
