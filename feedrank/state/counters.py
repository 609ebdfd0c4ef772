"""Decayed counters as columns: for every row, one sum per (kind, half-life) under forward decay.

Sums are order-exact: adding the same amounts in the same order gives the same bits however they are batched. Knows
nothing of which row is what, or of events.
"""

from collections.abc import Mapping
from enum import IntEnum

import numpy as np

from feedrank.kernels import counted, decayed
from feedrank.settings import HALF_LIVES_H
from feedrank.state import decay
from feedrank.types import F64, HOUR, I32, AnyArray, Micros


class Count(IntEnum):
    """What is counted of an item."""

    VIEWS = 0
    CLICKS = 1  # clicks that have a view of the same request
    READS = 2  # every other read: histories, push, imports of clicks alone
    LIKES = 3  # likes, saves and shares, less their retractions
    HIDES = 4
    DWELLS = 5  # reads whose time is known
    DWELL_S = 6  # their seconds


KINDS = len(Count)
HALF_LIVES: tuple[Micros, ...] = tuple(h * HOUR for h in HALF_LIVES_H)


class DecayedCounters:
    """Sums of shape (rows, kinds, half-lives), float64, against one landmark per half-life."""

    def __init__(self, kinds: int = KINDS, half_lives: tuple[Micros, ...] = HALF_LIVES) -> None:
        self.kinds = kinds
        self.half_lives = half_lives
        self.rows = 0
        self.landmarks: list[Micros] = [0] * len(half_lives)
        self._until: Micros = 0  # no landmark moves for times before
        self.sums: F64 = np.zeros((64, kinds * len(half_lives)))

    def resize(self, rows: int) -> None:
        """Makes room for at least `rows` rows; new rows are zero."""
        if rows > len(self.sums):
            grown = np.zeros((max(rows, 2 * len(self.sums)), self.sums.shape[1]))
            grown[: self.rows] = self.sums[: self.rows]
            self.sums = grown
        self.rows = max(self.rows, rows)

    def advance(self, time: Micros) -> None:
        """Moves landmarks forward to those in force at `time`; never back."""
        if time < self._until:
            return
        for j, half_life in enumerate(self.half_lives):
            self._move(j, decay.landmark_at(time, half_life))
        self._until = min(decay.next_landmark(time, half_life) for half_life in self.half_lives)

    def _move(self, j: int, landmark: Micros) -> None:
        if landmark <= self.landmarks[j]:
            return
        column = slice(j, None, len(self.half_lives))
        moved = np.ascontiguousarray(self.sums[:, column])
        decay.rebase(moved, self.landmarks[j], landmark, self.half_lives[j])
        self.sums[:, column] = moved
        self.landmarks[j] = landmark

    def add(self, rows: I32, kinds: I32, weights: F64) -> None:
        """Adds to row i, in order, amount i of kind i: `weights` (n, half-lives) are amounts times `decay.growths`."""
        counted(self.sums, rows, kinds, weights)

    def _shrinks(self, now: Micros) -> F64:
        """Read factors at `now` of every column of `sums`, (kinds * half-lives,)."""
        return decay.shrinks(now, tuple(self.landmarks), self.half_lives, self.kinds)

    def read(self, rows: I32, now: Micros) -> F64:
        """Decayed sums at `now`, shape (n, kinds, half-lives). Negative and faint ones read as zero."""
        sums = decayed(self.sums, rows, self._shrinks(now), decay.FAINTEST)
        return sums.reshape(len(rows), self.kinds, len(self.half_lives))

    def column(self, rows: I32, kind: int, half_life: int, now: Micros) -> F64:
        """One of the columns that `read` gives, (n,), to the bit, for what needs no other."""
        column = kind * len(self.half_lives) + half_life
        sums: F64 = self.sums[rows, column] * self._shrinks(now)[column]
        sums[sums < decay.FAINTEST] = 0.0
        return sums

    def align(self, other: "DecayedCounters") -> None:
        """Moves both to the later landmark of each half-life, so that sums may be added."""
        for j in range(len(self.half_lives)):
            later = max(self.landmarks[j], other.landmarks[j])
            self._move(j, later)
            other._move(j, later)

    def to_arrays(self) -> dict[str, AnyArray]:
        """All there is to know of the table: views, not copies."""
        return {"sums": self.sums[: self.rows], "landmarks": np.array(self.landmarks, np.int64)}

    def restore(self, arrays: Mapping[str, AnyArray]) -> None:
        """Makes this new table equal to the one that gave `arrays`, to the bit."""
        self.resize(len(arrays["sums"]))
        self.sums[: self.rows] = arrays["sums"]
        self.landmarks = arrays["landmarks"].tolist()

    def merge(self, other: "DecayedCounters") -> None:
        """Adds another fold's sums to these. Rows mean the same in both."""
        self.align(other)
        self.resize(other.rows)
        self.sums[: other.rows] += other.sums[: other.rows]
