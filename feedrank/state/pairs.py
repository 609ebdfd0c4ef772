"""A sparse decayed matrix: what was engaged with together, or where. Entries (a, b) -> weight under forward decay.

Entries live in a sorted base (keys a << 32 | b) overlaid by a dict of what changed since; an entry enters the overlay
with its whole weight, so when the two are compacted cannot change a bit. An entry whose last touch lies two `keep`
behind the newest time the table was given is gone: it restarts from zero, whether or not compaction has removed it yet.
One untouched for a single `keep` reads as absent, so what a restart forgets is far below what the entry reads as. Top-K
is the reader's business. Knows nothing of events.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from feedrank.kernels import looked_up, positions
from feedrank.state import decay
from feedrank.types import F64, I32, I64, AnyArray, Micros

COMPACT_AT = 50_000  # overlay entries: 10 MB of dicts, and a pause of 30 to 80 ms while they are merged
_LONG_AGO: Micros = -(2**62)
_ENTRY = np.dtype([("weight", np.float64), ("touched", np.int64)])


class PairTable:
    """Decayed weights of directed pairs. Add both directions for a symmetric relation."""

    def __init__(self, half_life: Micros, keep: Micros, compact_at: int = COMPACT_AT) -> None:
        self.half_life = half_life
        self.keep = keep
        self.compact_at = compact_at
        self.landmark: Micros = 0
        self.newest: Micros = _LONG_AGO  # the latest time ever added
        self.keys: I64 = np.empty(0, np.int64)  # sorted
        self.weights: F64 = np.empty(0)
        self.touched: I64 = np.empty(0, np.int64)
        self.overlay: dict[int, dict[int, tuple[float, Micros]]] = {}
        self.overlaid = 0

    def _move(self, landmark: Micros) -> None:
        if landmark <= self.landmark:
            return
        self.compact()
        decay.rebase(self.weights, self.landmark, landmark, self.half_life)
        self.landmark = landmark

    def add(self, firsts: Sequence[int], seconds: Sequence[int], times: Sequence[Micros]) -> None:
        """Adds 1 at times[i] to entry (firsts[i], seconds[i]), in order. Calling it in parts gives the same bits."""
        if not len(times):
            return
        at = np.array(times, np.int64)
        self._move(decay.landmark_at(int(at.max()), self.half_life))
        weights = decay.growth(at, self.landmark, self.half_life).tolist()
        held = self._base(np.array(firsts, np.int64) << 32 | np.array(seconds, np.int64))
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
        if self.overlaid >= self.compact_at:
            self.compact()

    def _base(self, keys: I64) -> list[tuple[float, Micros]]:
        """Weight and last touch of each key in the base; (0, long ago) where it is not there."""
        found = np.zeros(len(keys), _ENTRY)
        found["touched"] = _LONG_AGO
        if len(self.keys):
            at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            hit = self.keys[at] == keys
            found["weight"][hit], found["touched"][hit] = self.weights[at[hit]], self.touched[at[hit]]
        return list(zip(found["weight"].tolist(), found["touched"].tolist(), strict=True))

    def compact(self) -> None:
        """Merges the overlay into a new sorted base, and drops what is gone."""
        if not self.overlay:
            return
        rows = self.overlay.values()
        firsts = np.repeat(np.fromiter(self.overlay, np.int64), [len(row) for row in rows])
        keys = firsts << 32 | np.fromiter(chain.from_iterable(rows), np.int64)
        entries = np.fromiter(chain.from_iterable(row.values() for row in rows), _ENTRY, len(keys))
        order = np.argsort(keys)
        keys, entries = keys[order], entries[order]
        at = np.searchsorted(self.keys, keys)
        held = at < len(self.keys)
        held[held] = self.keys[at[held]] == keys[held]
        self.weights[at[held]], self.touched[at[held]] = entries["weight"][held], entries["touched"][held]
        new = ~held
        self.keys = np.insert(self.keys, at[new], keys[new])
        self.weights = np.insert(self.weights, at[new], entries["weight"][new])
        self.touched = np.insert(self.touched, at[new], entries["touched"][new])
        alive = self.touched >= self.newest - 2 * self.keep
        if not alive.all():
            self.keys, self.weights, self.touched = self.keys[alive], self.weights[alive], self.touched[alive]
        self.overlay, self.overlaid = {}, 0

    def row(self, a: int, now: Micros) -> tuple[I32, F64]:
        """All live neighbours of `a` and their weights at `now`: (b int32 (m,) ascending, weight float64 (m,))."""
        start, stop = np.searchsorted(self.keys, (a << 32, (a + 1) << 32))
        others = (self.keys[start:stop] & 0xFFFFFFFF).astype(np.int32)
        weights, touched = self.weights[start:stop], self.touched[start:stop]
        overlay = self.overlay.get(a)
        if overlay:
            n = len(overlay)
            theirs = np.fromiter(overlay, np.int32, n)
            entries = np.fromiter(overlay.values(), _ENTRY, n)
            kept = ~np.isin(others, theirs)
            others = np.concatenate([others[kept], theirs])
            weights = np.concatenate([weights[kept], entries["weight"]])
            touched = np.concatenate([touched[kept], entries["touched"]])
            order = np.argsort(others)
            others, weights, touched = others[order], weights[order], touched[order]
        live = touched >= now - self.keep
        return others[live], weights[live] * decay.shrink(now, self.landmark, self.half_life)

    def lookup(self, firsts: I32, others: I32, now: Micros) -> F64:
        """Weights of (a, b) at `now` for b of `others` and a of `firsts`, shape (n, k), zero where there is none."""
        oldest = now - self.keep
        weights = looked_up(self.keys, self.weights, self.touched, firsts, others, oldest)
        for i, a in enumerate(firsts.tolist()):
            overlay = self.overlay.get(a)
            if overlay:
                places = positions(others, np.fromiter(overlay, np.int32, len(overlay)))
                entries = np.fromiter(overlay.values(), _ENTRY, len(overlay))[places]
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
        keys, inverse = np.unique(np.concatenate([self.keys, other.keys]), return_inverse=True)
        weights = np.asarray(np.bincount(inverse, np.concatenate([self.weights, other.weights])), np.float64)
        touched = np.full(len(keys), _LONG_AGO)
        np.maximum.at(touched, inverse, np.concatenate([self.touched, other.touched]))
        self.keys, self.weights, self.touched = keys, weights, touched
        self.newest = max(self.newest, other.newest)

    def to_arrays(self) -> dict[str, AnyArray]:
        """All there is to know of the table: views, not copies. Compacts."""
        self.compact()
        clock = np.array([self.landmark, self.newest], np.int64)
        return {"keys": self.keys, "weights": self.weights, "touched": self.touched, "clock": clock}

    def restore(self, arrays: Mapping[str, AnyArray]) -> None:
        """Makes this new table equal to the one that gave `arrays`, to the bit."""
        self.keys, self.weights, self.touched = arrays["keys"], arrays["weights"], arrays["touched"]
        self.landmark, self.newest = arrays["clock"].tolist()

    def relabel(self, codes: I32) -> None:
        """Renames every first index a to codes[a], in place. No two may get the same code."""
        self.compact()
        renamed = codes[(self.keys >> 32)].astype(np.int64) << 32 | (self.keys & 0xFFFFFFFF)
        order = np.argsort(renamed)
        self.keys, self.weights, self.touched = renamed[order], self.weights[order], self.touched[order]
