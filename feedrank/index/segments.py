"""The vector index of one space: append and remove while others search, seal, compact.

One writer changes it, any number of readers search the `view` they hold. Every change builds new parts aside and swaps
one reference. It is not persisted: vectors live in the store, and 100,000 of them load in a fraction of a second, which
leaves no index file to verify. Knows nothing of the log, of items, or of why a row is removed (deleted, expired,
superseded).
"""

import threading
from dataclasses import replace

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.index.cells import CELLS_FROM, sorted_by_cell
from feedrank.index.index_view import IndexView, SealedPart, SealedSegment, Tail
from feedrank.index.vectors import check_unit
from feedrank.types import F32, I32, Bools

__all__ = ["IndexView", "VectorIndex"]

TAIL_CAPACITY = 2_048  # a scan of the tail stays under 0.1 ms per query
SEGMENTS_WANTED = 6  # each further segment costs a search some 50 us
DEAD_SHARE_WANTED = 0.1  # beyond it searches need a selector, which costs half as much again


class VectorIndex:
    """Inner-product search over unit vectors by row, exact up to CELLS_FROM. A row's newest vector is in force."""

    def __init__(self, dimensions: int, *, tail_capacity: int = TAIL_CAPACITY) -> None:
        self._capacity = tail_capacity
        self._lock = threading.Lock()  # held while the view changes; never while a segment is merged
        self._compacting = threading.Lock()
        self._uids = 0
        self._tried: set[int] = set()  # the segment that has cells, or for which they did not pay
        self._part_of_row = np.full(0, -1, np.int32)  # uid of the part that holds the row's live place; -1: none
        self._place_of_row = np.full(0, -1, np.int32)
        self._open_tail(dimensions)
        self._view = IndexView(dimensions, (), self._tail_view(0, np.ones(0, np.bool_)))

    @property
    def view(self) -> IndexView:
        """The index as it stands; pin it for the length of a request."""
        return self._view

    @property
    def wants_compaction(self) -> bool:
        """Whether searches would gain from `compact`."""
        sealed = self._view.sealed
        size = sum(len(part.alive) for part in sealed)
        live = sum(part.live for part in sealed)
        largest = max(sealed, key=lambda part: part.live, default=None)
        uncelled = largest is not None and largest.live >= CELLS_FROM and largest.segment.uid not in self._tried
        return len(sealed) > SEGMENTS_WANTED or size - live > DEAD_SHARE_WANTED * size or uncelled

    def add(self, rows: I32, values: F32) -> None:
        """Makes `(n,)` rows retrievable by `(n, d)` unit vectors, kept as float16; a row's earlier vector leaves at the
        same moment.

        Of a row given twice the last vector counts.

        Raises:
            InvalidInput: for a wrong shape, a negative row, values not finite or not of unit length; nothing is added.
        """
        rows = np.asarray(rows, np.int32)
        values = np.asarray(values, np.float32)
        if rows.shape != values.shape[:1] or (rows < 0).any():
            raise InvalidInput(
                f"rows have shape {rows.shape} for vectors {values.shape}; send one row of 0 or more each"
            )
        check_unit(values, self._view.dimensions)
        if len(rows) == 0:
            return
        last = len(rows) - 1 - np.unique(rows[::-1], return_index=True)[1]
        rows, values = rows[np.sort(last)], values[np.sort(last)]
        with self._lock:
            self._reach(int(rows.max()) + 1)
            view = self._without(self._view, rows)[0]
            if len(rows) >= self._capacity:
                view = self._with_segment(self._sealed_tail(view), rows, values)
            else:
                room = self._capacity - len(view.tail.rows)
                view = self._with_tail(view, rows[:room], values[:room])
                if len(rows) > room:
                    view = self._with_tail(self._sealed_tail(view), rows[room:], values[room:])
            self._view = view

    def remove(self, rows: I32) -> int:
        """Takes rows out of retrieval at once and returns how many were in it."""
        with self._lock:
            self._view, removed = self._without(self._view, np.unique(np.asarray(rows, np.int32)))
        return removed

    def compact(self) -> None:
        """Merges all live vectors into one sealed segment, built aside and swapped whole; adds and removals go on
        meanwhile.
        """
        with self._compacting:
            with self._lock:
                self._view = self._sealed_tail(self._view)
                merged, uid = self._view.sealed, self._next_uid()
            if not merged:
                return
            rows = np.concatenate([part.segment.rows[part.alive] for part in merged])
            halves = np.concatenate([part.segment.halves[part.alive] for part in merged])
            earlier = next((part.segment.cells for part in merged if part.segment.cells is not None), None)
            cells, order = sorted_by_cell(halves, earlier)
            rows = rows[order]
            segment = SealedSegment(uid, rows, halves[order] if cells is not None else halves, cells)
            with self._lock:
                self._tried = {uid}
                now = self._view.sealed  # starts with the same segments: only compaction takes segments away
                alive = np.concatenate([new.alive[old.alive] for old, new in zip(merged, now, strict=False)])[order]
                self._part_of_row[rows[alive]] = uid
                self._place_of_row[rows[alive]] = np.flatnonzero(alive)
                live = int(np.count_nonzero(alive))
                head = (SealedPart(segment, alive, live),) if live else ()
                self._view = replace(self._view, sealed=head + now[len(merged) :])

    def _next_uid(self) -> int:
        self._uids += 1
        return self._uids

    def _open_tail(self, dimensions: int) -> None:
        self._tail_uid = self._next_uid()
        self._tail_rows = np.empty(self._capacity, np.int32)
        self._tail_values = np.empty((self._capacity, dimensions), np.float32)

    def _tail_view(self, length: int, alive: Bools) -> Tail:
        live = int(np.count_nonzero(alive))
        return Tail(self._tail_uid, self._tail_rows[:length], self._tail_values[:length], alive, live)

    def _reach(self, rows: int) -> None:
        """Makes the row columns hold at least `rows` rows."""
        if rows > len(self._part_of_row):
            spare = np.full(max(rows, 2 * len(self._part_of_row)) - len(self._part_of_row), -1, np.int32)
            self._part_of_row = np.concatenate([self._part_of_row, spare])
            self._place_of_row = np.concatenate([self._place_of_row, spare])

    def _without(self, view: IndexView, rows: I32) -> tuple[IndexView, int]:
        """The view with the live places of distinct `rows` marked dead, on copies, and their number."""
        rows = rows[(rows >= 0) & (rows < len(self._part_of_row))]
        parts, places = self._part_of_row[rows], self._place_of_row[rows]
        if not (parts >= 0).any():
            return view, 0
        sealed = []
        for part in view.sealed:
            dead = places[parts == part.segment.uid]
            if len(dead):
                alive = part.alive.copy()
                alive[dead] = False
                part = SealedPart(part.segment, alive, part.live - len(dead))
            sealed.append(part)
        tail_alive = view.tail.alive.copy()
        tail_alive[places[parts == view.tail.uid]] = False
        self._part_of_row[rows] = -1
        # A segment without a live place stays until `compact`: taking one away here would move its neighbours under a
        # merge.
        tail = self._tail_view(len(tail_alive), tail_alive)
        return IndexView(view.dimensions, tuple(sealed), tail), int(np.count_nonzero(parts >= 0))

    def _with_tail(self, view: IndexView, rows: I32, values: F32) -> IndexView:
        first = len(view.tail.rows)
        end = first + len(rows)
        self._tail_rows[first:end] = rows
        self._tail_values[first:end] = values.astype(np.float16)  # scored as it will be once sealed
        self._part_of_row[rows] = view.tail.uid
        self._place_of_row[rows] = np.arange(first, end, dtype=np.int32)
        alive = np.concatenate([view.tail.alive, np.ones(len(rows), np.bool_)])
        return replace(view, tail=self._tail_view(end, alive))

    def _sealed_tail(self, view: IndexView) -> IndexView:
        """The view with its tail, places kept, as one more sealed segment, and an empty tail."""
        tail = view.tail
        sealed = view.sealed
        if len(tail.rows):
            segment = SealedSegment(tail.uid, tail.rows.copy(), tail.values.astype(np.float16))
            sealed = (*sealed, SealedPart(segment, tail.alive, tail.live))
        self._open_tail(view.dimensions)
        return IndexView(view.dimensions, sealed, self._tail_view(0, np.ones(0, np.bool_)))

    def _with_segment(self, view: IndexView, rows: I32, values: F32) -> IndexView:
        uid = self._next_uid()
        self._part_of_row[rows] = uid
        self._place_of_row[rows] = np.arange(len(rows), dtype=np.int32)
        segment = SealedSegment(uid, rows.copy(), values.astype(np.float16))
        part = SealedPart(segment, np.ones(len(rows), np.bool_), len(rows))
        return replace(view, sealed=(*view.sealed, part))
