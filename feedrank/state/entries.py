"""Sorted entries of a sparse matrix: keys a << 32 | b, a weight and the last touch each. Immutable but for rescaling.

Knows nothing of decay, or of how entries come about.
"""

from dataclasses import dataclass

import numpy as np

from feedrank.types import F64, I64, AnyArray, Bools


@dataclass(frozen=True, slots=True)
class Entries:
    """Columns (e,), `keys` ascending and distinct."""

    keys: I64
    weights: F64
    touched: I64

    @classmethod
    def none(cls) -> "Entries":
        """No entries."""
        return cls(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def columns(self) -> tuple[I64, F64, I64]:
        """Keys, weights and last touches."""
        return self.keys, self.weights, self.touched

    def under(self, newer: "Entries") -> "Entries":
        """These entries and newer ones, which stand in place of any with their key."""
        if not len(newer):
            return self
        at = np.searchsorted(self.keys, newer.keys)
        held = at < len(self.keys)
        held[held] = self.keys[at[held]] == newer.keys[held]
        weights, touched = self.weights.copy(), self.touched.copy()
        weights[at[held]], touched[at[held]] = newer.weights[held], newer.touched[held]
        new = np.flatnonzero(~held)
        if not len(new):
            return Entries(self.keys, weights, touched)
        places = at[new] + np.arange(len(new))  # of what is new among all; the others keep their order
        old = np.ones(len(self.keys) + len(new), np.bool_)
        old[places] = False

        def woven(mine: AnyArray, theirs: AnyArray) -> AnyArray:
            both = np.empty(len(old), mine.dtype)
            both[old], both[places] = mine, theirs[new]
            return both

        return Entries(woven(self.keys, newer.keys), woven(weights, newer.weights), woven(touched, newer.touched))

    def take(self, which: Bools) -> "Entries":
        """The marked entries."""
        return self if which.all() else Entries(self.keys[which], self.weights[which], self.touched[which])
