"""What may be retrieved by its vector: one index a space, kept in step with folded item state.

An item leaves when it is deleted or expires and comes back with an upsert; its vector stays in state for histories.
Knows nothing of requests, of locks, or of where facts come from.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from feedrank.index.segments import VectorIndex
from feedrank.records import Fact, ItemDeleted, ItemUpserted, VectorLanded
from feedrank.state import State
from feedrank.types import I32, Micros, Row


class Retrievable:
    """Vector indices by space, of the items of `state` that are not deleted. One thread writes; any number search."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.indices: dict[str, VectorIndex] = {}
        for space, table in state.vectors.items():
            self._add(space, np.flatnonzero(table.slot_of_row >= 0).tolist())

    def follow(self, facts: Sequence[Fact]) -> None:
        """Takes up facts that have just been folded into the state."""
        landed: dict[str, set[Row]] = {}
        for fact in facts:
            if isinstance(fact, VectorLanded):
                landed.setdefault(fact.space, set()).add(fact.row)
            elif isinstance(fact, ItemUpserted):  # an item that comes back finds its vector again
                for space, table in self._state.vectors.items():
                    if table.slots_of(np.array([fact.row], np.int32))[0] >= 0:
                        landed.setdefault(space, set()).add(fact.row)
        for space, rows in landed.items():
            self._add(space, rows)
        self.withdraw(fact.row for fact in facts if isinstance(fact, ItemDeleted) and self._is_deleted(fact.row))

    def withdraw(self, rows: Iterable[Row]) -> None:
        """Takes rows out of every index."""
        gone: I32 = np.fromiter(rows, np.int32)
        if len(gone):
            for index in self.indices.values():
                index.remove(gone)

    def expire(self, now: Micros) -> None:
        """Takes expired items out of every index."""
        expires = self._state.catalog.column("expires_at")
        self.withdraw(np.flatnonzero((expires > 0) & (expires <= now)).tolist())

    @property
    def wants_compaction(self) -> bool:
        """Whether searches of some space would gain from `compact`."""
        return any(index.wants_compaction for index in self.indices.values())

    def compact(self) -> None:
        """Merges index segments where searches would gain from it; searches go on meanwhile."""
        for index in tuple(self.indices.values()):  # another thread may add a space
            if index.wants_compaction:
                index.compact()

    def _add(self, space: str, rows: Iterable[Row]) -> None:
        table = self._state.vectors[space]
        if space not in self.indices:
            self.indices[space] = VectorIndex(table.dimensions)
        # A vector may land after its item was deleted: it stays for histories, not for retrieval.
        ordered = np.array([row for row in sorted(rows) if not self._is_deleted(row)], np.int32)
        self.indices[space].add(ordered, table.gather(ordered)[0])

    def _is_deleted(self, row: Row) -> bool:
        return bool(self._state.catalog.columns["deleted"][row])
