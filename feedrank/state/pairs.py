"""A sparse decayed matrix: what was engaged with together, or where. Entries (a, b) -> weight under forward decay.

Entries live in three tiers of sorted columns: a large `base`, a small `recent` that is merged into it now and then, and
a tiny `fresh` that is merged into `recent`. An entry enters a tier with its whole weight, and the freshest counts, so
when tiers are merged cannot change a bit. An entry whose last touch lies two `keep` behind the newest time the table
was given is gone: it restarts from zero, whether or not compaction has removed it yet. One untouched for a single
`keep` reads as absent, so what a restart forgets is far below what the entry reads as. Top-K is the reader's business.
Knows nothing of events.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from feedrank.kernels import rows_of
from feedrank.state import decay
from feedrank.state.entries import LONG_AGO, Entries
from feedrank.types import F64, I32, I64, AnyArray, Micros

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

    def add(self, firsts: Sequence[int], seconds: Sequence[int], times: Sequence[Micros]) -> None:
        """Adds 1 at times[i] to entry (firsts[i], seconds[i]), in order. Calling it in parts gives the same bits.

        Nothing is merged into the base here, but when the landmark moves, every 256 half-lives: see `settle`.
        """
        if not len(times):
            return
        at = np.array(times, np.int64)
        self._move(decay.landmark_at(int(at.max()), self.half_life))
        keys, place = _distinct(np.array(firsts, np.int64) << 32 | np.array(seconds, np.int64))
        weights, touched = self._held(keys)
        growth = decay.growth(at, self.landmark, self.half_life)
        newest = max(self.newest, int(at.max()))
        gone = newest - 2 * self.keep
        if at.min() < gone or ((touched < gone) & (touched != LONG_AGO)).any():
            self._add_in_turn(weights, touched, place, at, growth)
        else:
            np.add.at(weights, place, growth)
            np.maximum.at(touched, place, at)
        self.newest = newest
        self.fresh = self.fresh.under(Entries(keys, weights, touched))
        if len(self.fresh) >= self.pack_at:
            self._pack()

    def _add_in_turn(self, weights: F64, touched: I64, place: I64, at: I64, growth: F64) -> None:
        """Adds to held entries one at a time, as some of them may be gone by the time of another."""
        newest = self.newest
        for p, time, grown in zip(place.tolist(), at.tolist(), growth.tolist(), strict=True):
            newest = max(newest, time)
            if touched[p] < newest - 2 * self.keep:
                weights[p] = 0.0
            weights[p] += grown
            touched[p] = max(int(touched[p]), time)

    def _held(self, keys: I64) -> tuple[F64, I64]:
        """Weight and last touch of each key; (0, long ago) where it is not there."""
        weights, touched = self.base.find(keys)
        for tier in (self.recent, self.fresh):
            if len(tier):
                newer, when = tier.find(keys)
                there = when != LONG_AGO
                weights[there], touched[there] = newer[there], when[there]
        return weights, touched

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
        tiers = [tier.columns for tier in (self.base, self.recent, self.fresh) if len(tier)]
        others, weights, sizes = rows_of(tiers, firsts, now - self.keep)
        return others, weights * decay.shrink(now, self.landmark, self.half_life), sizes

    def lookup(self, firsts: I32, others: I32, now: Micros) -> F64:
        """Weights of (a, b) at `now` for b of `others` and a of `firsts`, shape (n, k), zero where there is none."""
        oldest = now - self.keep
        weights = self.base.lookup(firsts, others, oldest)
        for tier in (self.recent, self.fresh):  # where the newer entry is too old, so is the older one
            if len(tier):
                newer = tier.lookup(firsts, others, oldest)
                weights = np.where(newer > 0.0, newer, weights)
        return np.ascontiguousarray((weights * decay.shrink(now, self.landmark, self.half_life)).T)

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


def _distinct(keys: I64) -> tuple[I64, I64]:
    """The keys without repeats, ascending, and the place of each (n,) among them. `np.unique` takes twice as long."""
    order = np.argsort(keys, kind="stable")
    ascending = keys[order]
    first = np.ones(len(keys), np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    place = np.empty(len(keys), np.int64)
    place[order] = np.cumsum(first) - 1
    return ascending[first], place
