"""A sparse decayed matrix: what was engaged with together, or where. Entries (a, b) -> weight under forward decay.

Entries live in three tiers of sorted columns: a large `base`, a small `recent` that is merged into it now and then, and
a tiny `fresh` that is merged into `recent`. An entry enters a tier with its whole weight, and the freshest counts, so
when tiers are merged cannot change a bit. An entry whose last touch lies two `keep` behind the newest time the table
was given is gone: it restarts from zero, whether or not compaction has removed it yet. One untouched for a single
`keep` reads as absent, so what a restart forgets is far below what the entry reads as. Top-K is the reader's business.
Knows nothing of events.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from feedrank.kernels import Tier, looked_up, paired, rows_of
from feedrank.state import decay
from feedrank.state.entries import Entries
from feedrank.types import F64, I32, I64, LONG_AGO, AnyArray, Micros

COMPACT_AT = 50_000  # recent entries: merged into a base of millions, which takes 30 to 80 ms
PACK_AT = 2_000  # fresh entries: merging them in is what every addition pays

Lock = AbstractContextManager[object]
UNLOCKED: Lock = nullcontext()


class PairTable:
    """Decayed weights of directed pairs. Add both directions for a symmetric relation. One thread writes."""

    def __init__(self, half_life: Micros, keep: Micros, compact_at: int = COMPACT_AT, pack_at: int = PACK_AT) -> None:
        self.half_life = half_life
        self.keep = keep
        self.compact_at, self.pack_at = compact_at, pack_at
        self.landmark: Micros = 0
        self.newest: Micros = LONG_AGO  # the latest time ever added
        self.base = Entries.none()
        self.recent = Entries.none()
        self.fresh = Entries.none()

    def _move(self, landmark: Micros) -> None:
        if landmark <= self.landmark:
            return
        self.compact()
        decay.rebase(self.base.weights, self.landmark, landmark, self.half_life)
        self.landmark = landmark

    def advance(self, time: Micros) -> None:
        """Moves the landmark forward to the one in force at `time`; never back."""
        self._move(decay.landmark_at(time, self.half_life))

    def add(self, firsts: I32, seconds: I32, times: I64, growths: F64 | None = None) -> None:
        """Adds 1 at times[i] to entry (firsts[i], seconds[i]), in order. Calling it in parts gives the same bits.

        `growths` are those of the times, for who has them, once the table has advanced to all of them. Nothing is
        merged into the base here, but when the landmark moves, every 256 half-lives: see `settle`.
        """
        if not len(times):
            return
        newest = int(times.max())
        if growths is None:
            self.advance(newest)
            growths = decay.growth(times, self.landmark, self.half_life)
        self.fresh = Entries(*paired(self._tiers(), firsts, seconds, growths, times, self.newest, 2 * self.keep))
        self.newest = max(self.newest, newest)
        if len(self.fresh) >= self.pack_at:
            self._pack()

    def _tiers(self) -> tuple[Tier, ...]:
        return self.base.columns, self.recent.columns, self.fresh.columns

    def _pack(self) -> None:
        """Merges the fresh entries into the recent ones."""
        self.recent = self.recent.under(self.fresh)
        self.fresh = Entries.none()

    def settle(self, lock: Lock = UNLOCKED) -> None:
        """Compacts if recent entries are many. What writes calls it now and then; see `compact`."""
        if len(self.recent) >= self.compact_at:
            self.compact(lock)

    def compact(self, lock: Lock = UNLOCKED) -> None:
        """Merges everything into a new base, and drops what is gone. For the thread that writes.

        `lock` is what readers hold: it is taken for moments only, never for the merge itself.
        """
        with lock:
            self._pack()
        if not len(self.recent):
            return
        merged = self.base.under(self.recent)
        merged = merged.take(merged.touched >= self.newest - 2 * self.keep)
        with lock:
            self.base, self.recent = merged, Entries.none()

    def row(self, a: int, now: Micros) -> tuple[I32, F64]:
        """All live neighbours of `a` and their weights at `now`: (b int32 (m,) ascending, weight float64 (m,))."""
        return self.rows(np.array([a], np.int32), now)[:2]

    def rows(self, firsts: I32, now: Micros) -> tuple[I32, F64, I64]:
        """The same of each of `firsts` (k,), one after another, and how many each has, (k,)."""
        others, weights, sizes = rows_of(self._tiers(), firsts, now - self.keep)
        return others, weights * decay.shrink(now, self.landmark, self.half_life), sizes

    def lookup(self, firsts: I32, others: I32, now: Micros) -> F64:
        """Weights of (a, b) at `now` for b of `others` and a of `firsts`, shape (n, k), zero where there is none."""
        factor = decay.shrink(now, self.landmark, self.half_life)
        return looked_up(self._tiers(), firsts, others, now - self.keep, factor)

    def merge(self, other: "PairTable") -> None:
        """Adds another fold's weights to these. Compacts both."""
        self.compact()
        other.compact()
        landmark = max(self.landmark, other.landmark)
        self._move(landmark)
        other._move(landmark)
        mine, theirs = self.base, other.base
        keys, inverse = np.unique(np.concatenate([mine.keys, theirs.keys]), return_inverse=True)
        weights = np.asarray(np.bincount(inverse, np.concatenate([mine.weights, theirs.weights])), np.float64)
        touched = np.full(len(keys), LONG_AGO)
        np.maximum.at(touched, inverse, np.concatenate([mine.touched, theirs.touched]))
        self.base = Entries(keys, weights, touched)
        self.newest = max(self.newest, other.newest)

    def to_arrays(self) -> dict[str, AnyArray]:
        """All there is to know of the table: views, not copies. Compacts."""
        self.compact()
        clock = np.array([self.landmark, self.newest], np.int64)
        base = self.base
        return {"keys": base.keys, "weights": base.weights, "touched": base.touched, "clock": clock}

    def restore(self, arrays: Mapping[str, AnyArray]) -> None:
        """Makes this new table equal to the one that gave `arrays`, to the bit."""
        self.base = Entries(arrays["keys"], arrays["weights"], arrays["touched"])
        self.landmark, self.newest = arrays["clock"].tolist()

    def relabel(self, codes: I32) -> None:
        """Renames every first index a to codes[a], in place. No two may get the same code."""
        self.compact()
        base = self.base
        renamed = codes[(base.keys >> 32)].astype(np.int64) << 32 | (base.keys & 0xFFFFFFFF)
        order = np.argsort(renamed)
        self.base = Entries(renamed[order], base.weights[order], base.touched[order])
