"""Vectors of one space: append-only slots, and which slot is in force for a row.

A row's newer vector takes a new slot and the old slot stays, so that whoever holds (array, length) never sees a change.
Values are kept as float16 and read as float32. Knows nothing of texts, encoders or nearest neighbours.
"""

from collections.abc import Mapping

import numpy as np

from feedrank.kernels import unpacked
from feedrank.types import F16, F32, I32, AnyArray, Bools, Row

NO_SLOT = -1


class VectorTable:
    """Unit vectors by slot, float16 (slots, d); `slot_of_row` int32, -1 where a row has none."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.slots = 0
        self.values: F16 = np.empty((256, dimensions), np.float16)
        self.row_of_slot: I32 = np.empty(256, np.int32)
        self.slot_of_row: I32 = np.full(256, NO_SLOT, np.int32)

    def land(self, row: Row, values: F32) -> int:
        """Puts a row's vector into the next slot and returns the slot. ValueError for another dimension."""
        if values.shape != (self.dimensions,):
            raise ValueError(f"a vector of shape {values.shape} does not fit a space of {self.dimensions} dimensions")
        slot = self.slots
        if slot == len(self.values):
            # Copies, never resizes in place: a reader may hold the old array.
            self.values = np.concatenate([self.values, np.empty_like(self.values)])
            self.row_of_slot = np.concatenate([self.row_of_slot, np.empty_like(self.row_of_slot)])
        if row >= len(self.slot_of_row):
            grown = np.full(max(row + 1, 2 * len(self.slot_of_row)), NO_SLOT, np.int32)
            grown[: len(self.slot_of_row)] = self.slot_of_row
            self.slot_of_row = grown
        self.values[slot] = values
        self.row_of_slot[slot] = row
        self.slot_of_row[row] = slot
        self.slots = slot + 1
        return slot

    def slots_of(self, rows: I32) -> I32:
        """The slot in force for each row, shape (n,) int32, -1 where there is none."""
        if not len(rows) or rows.max() < len(self.slot_of_row):
            return self.slot_of_row[rows]
        known = rows < len(self.slot_of_row)
        return np.where(known, self.slot_of_row[np.where(known, rows, 0)], NO_SLOT).astype(np.int32)

    def gather(self, rows: I32) -> tuple[F32, Bools]:
        """Vectors (n, d) float32, zeros where a row has none, and which rows have one (n,) bool."""
        slots = self.slots_of(rows)
        return unpacked(self.values, slots), slots >= 0

    def to_arrays(self) -> dict[str, AnyArray]:
        """All there is to know of the table: views, not copies."""
        return {
            "values": self.values[: self.slots],
            "row_of_slot": self.row_of_slot[: self.slots],
            "slot_of_row": self.slot_of_row,
        }

    def restore(self, arrays: Mapping[str, AnyArray]) -> None:
        """Makes this new table equal to the one that gave `arrays`."""
        self.slots = len(arrays["values"])
        room = max(0, len(self.values) - self.slots)
        self.values = np.concatenate([arrays["values"], self.values[:room]])
        self.row_of_slot = np.concatenate([arrays["row_of_slot"], self.row_of_slot[:room]])
        self.slot_of_row = arrays["slot_of_row"]

    def merge(self, later: "VectorTable") -> None:
        """Appends what another fold landed, in its order. A slot both have (same row, same values) is landed once."""
        for slot in range(later.slots):
            row, values = int(later.row_of_slot[slot]), later.values[slot].astype(np.float32)
            mine = int(self.slots_of(np.array([row], np.int32))[0])
            if mine == NO_SLOT or not np.array_equal(self.values[mine], later.values[slot]):
                self.land(row, values)
