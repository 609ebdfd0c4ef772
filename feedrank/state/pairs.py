"""A sparse decayed matrix: what was engaged with together, or where. Entries (a, b) -> weight under forward decay.

Entries live in sorted columns, a large `base` and a small `recent` that is merged into it now and then, overlaid by a
dict of what changed since; an entry enters the overlay with its whole weight, so when the three are merged cannot
change a bit. An entry whose last touch lies two `keep` behind the newest time the table was given is gone: it restarts
from zero, whether or not compaction has removed it yet. One untouched for a single `keep` reads as absent, so what a
restart forgets is far below what the entry reads as. Top-K is the reader's business. Knows nothing of events.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from feedrank.kernels import positions
from feedrank.state import decay
from feedrank.state.entries import ENTRY, LONG_AGO, Entries
from feedrank.types import F64, I32, I64, AnyArray, Micros

COMPACT_AT = 50_000  # recent entries: merged into a base of millions, a pause of 30 to 80 ms
PACK_AT = 2_000  # overlay entries: then merged into the recent ones; dicts are slow to read


class PairTable:
    """Decayed weights of directed pairs. Add both directions for a symmetric relation."""

    def __init__(self, half_life: Micros, keep: Micros, compact_at: int = COMPACT_AT, pack_at: int = PACK_AT) -> None:
        self.half_life = half_life
        self.keep = keep
        self.compact_at, self.pack_at = compact_at, pack_at
        self.landmark: Micros = 0
        self.newest: Micros = LONG_AGO  # the latest time ever added
        self.base = Entries.none()
        self.recent = Entries.none()
        self.overlay: dict[int, dict[int, tuple[float, Micros]]] = {}
        self.overlaid = 0

    def _move(self, landmark: Micros) -> None:
        if landmark <= self.landmark:
            return
        self.compact()
        decay.rebase(self.base.weights, self.landmark, landmark, self.half_life)
        self.landmark = landmark

    def add(self, firsts: Sequence[int], seconds: Sequence[int], times: Sequence[Micros]) -> None:
        """Adds 1 at times[i] to entry (firsts[i], seconds[i]), in order. Calling it in parts gives the same bits."""
        if not len(times):
            return
        at = np.array(times, np.int64)
        self._move(decay.landmark_at(int(at.max()), self.half_life))
        weights = decay.growth(at, self.landmark, self.half_life).tolist()
        held = self._held(np.array(firsts, np.int64) << 32 | np.array(seconds, np.int64))
        overlay, forgotten = self.overlay, 2 * self.keep
        for i, (a, b, time, weight) in enumerate(zip(firsts, seconds, times, weights, strict=True)):
            row = overlay.get(a)
            if row is None:
                row = overlay[a] = {}
            entry = row.get(b)
            if entry is None:
                entry = held[i]
                self.overlaid += 1
            self.newest = max(self.newest, time)
            sum_, touched = entry
            if touched < self.newest - forgotten:
                sum_ = 0.0
            row[b] = (sum_ + weight, max(touched, time))
        if self.overlaid >= self.pack_at:
            self._pack()
        if len(self.recent) >= self.compact_at:
            self.compact()

    def _held(self, keys: I64) -> list[tuple[float, Micros]]:
        """Weight and last touch of each key below the overlay; (0, long ago) where it is not there."""
        weights, touched = self.base.find(keys)
        if len(self.recent):
            newer, when = self.recent.find(keys)
            there = when != LONG_AGO
            weights[there], touched[there] = newer[there], when[there]
        return list(zip(weights.tolist(), touched.tolist(), strict=True))

    def _pack(self) -> None:
        """Merges the overlay into the recent entries."""
        if not self.overlay:
            return
        rows = self.overlay.values()
        firsts = np.repeat(np.fromiter(self.overlay, np.int64), [len(row) for row in rows])
        keys = firsts << 32 | np.fromiter(chain.from_iterable(rows), np.int64)
        entries = np.fromiter(chain.from_iterable(row.values() for row in rows), ENTRY, len(keys))
        order = np.argsort(keys)
        newer = Entries(keys[order], entries["weight"][order], entries["touched"][order])
        self.recent = self.recent.under(newer)
        self.overlay, self.overlaid = {}, 0

    def compact(self) -> None:
        """Merges everything into a new base, and drops what is gone."""
        self._pack()
        if not len(self.recent):
            return
        merged = self.base.under(self.recent)
        self.base = merged.take(merged.touched >= self.newest - 2 * self.keep)
        self.recent = Entries.none()

    def row(self, a: int, now: Micros) -> tuple[I32, F64]:
        """All live neighbours of `a` and their weights at `now`: (b int32 (m,) ascending, weight float64 (m,))."""
        others, weights, touched = self.base.row(a)
        newer = [self.recent.row(a)] if len(self.recent) else []
        overlay = self.overlay.get(a)
        if overlay:
            entries = np.fromiter(overlay.values(), ENTRY, len(overlay))
            newer.append((np.fromiter(overlay, np.int32, len(overlay)), entries["weight"], entries["touched"]))
        for theirs, their_weights, their_touched in newer:
            if len(theirs):
                kept = positions(others, theirs) < 0
                others = np.concatenate([others[kept], theirs])
                weights = np.concatenate([weights[kept], their_weights])
                touched = np.concatenate([touched[kept], their_touched])
                order = np.argsort(others)
                others, weights, touched = others[order], weights[order], touched[order]
        live = touched >= now - self.keep
        return others[live], weights[live] * decay.shrink(now, self.landmark, self.half_life)

    def lookup(self, firsts: I32, others: I32, now: Micros) -> F64:
        """Weights of (a, b) at `now` for b of `others` and a of `firsts`, shape (n, k), zero where there is none."""
        oldest = now - self.keep
        weights = self.base.lookup(firsts, others, oldest)
        if len(self.recent):  # where the newer entry is too old, so is the older one
            newer = self.recent.lookup(firsts, others, oldest)
            weights = np.where(newer > 0.0, newer, weights)
        for i, a in enumerate(firsts.tolist()):
            overlay = self.overlay.get(a)
            if overlay:
                places = positions(others, np.fromiter(overlay, np.int32, len(overlay)))
                entries = np.fromiter(overlay.values(), ENTRY, len(overlay))[places]
                live = np.where(entries["touched"] >= oldest, entries["weight"], 0.0)
                weights[i] = np.where(places >= 0, live, weights[i])
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
