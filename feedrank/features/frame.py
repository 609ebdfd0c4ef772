"""A ragged batch of requests as features see it: shared derived columns, computed once and only when asked for.

Every method treats each candidate alone, but for those named `*_in_slate`. No batch-shaped BLAS call: its bits depend
on the batch. Knows nothing of any particular feature.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from feedrank.features.raw import Raw
from feedrank.types import F64, HOUR, I64, AnyArray, Bools


class Frame:
    """Columns of a `Raw` batch, one entry a candidate (n,), whatever request it belongs to."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.items = raw.items
        self.n = len(raw.items.rows)
        self.sizes: I64 = np.diff(raw.item_offsets)  # candidates a request
        self._cache: dict[str, AnyArray] = {}
        self.request: I64 = np.repeat(np.arange(len(self.sizes)), self.sizes)  # of each candidate

    def per_request(self, values: AnyArray) -> AnyArray:
        """A request's value for each of its candidates."""
        return values[self.request]

    def cached(self, key: str, make: Callable[["Frame"], AnyArray]) -> AnyArray:
        """What `make` gives for this batch, made once: for what several features read."""
        if key not in self._cache:
            self._cache[key] = make(self)
        return self._cache[key]

    @cached_property
    def now(self) -> I64:
        """The request's instant, microseconds, (n,)."""
        return self.per_request(self.raw.requests.now)

    def hours_since(self, times: I64) -> F64:
        """Hours from each candidate's time (n,) to its request; NaN where the time is 0, never negative."""
        hours = np.maximum((self.now - times) / HOUR, 0.0)
        return np.where(times > 0, hours, np.nan)

    @cached_property
    def history_request(self) -> I64:
        """The request of each history entry, (h,)."""
        return _owners(self.raw.history_offsets)

    @cached_property
    def view_request(self) -> I64:
        """The request of each view entry, (v,)."""
        return _owners(self.raw.view_offsets)

    @cached_property
    def history_age_hours(self) -> F64:
        """Hours from each history entry to its request, (h,)."""
        age = (self.raw.requests.now[self.history_request] - self.raw.history.times) / HOUR
        return np.maximum(age, 0.0)

    @cached_property
    def view_age_hours(self) -> F64:
        """Hours from each view entry to its request, (v,)."""
        return np.maximum((self.raw.requests.now[self.view_request] - self.raw.views.times) / HOUR, 0.0)

    @cached_property
    def history_recency(self) -> I64:
        """0 for a request's newest history entry, 1 for the one before it ..., (h,)."""
        ends = self.raw.history_offsets[1:][self.history_request]
        return ends - 1 - np.arange(len(self.history_request))

    @cached_property
    def last_engaged(self) -> I64:
        """When each request's user last engaged with anything, (r,); 0 without history."""
        offsets, times = self.raw.history_offsets, self.raw.history.times
        last = np.zeros(len(self.sizes), np.int64)
        some = np.diff(offsets) > 0
        last[some] = times[offsets[1:][some] - 1]
        return last

    def sum_by_request(self, owners: I64, weights: F64) -> F64:
        """Sum of the weights each request owns, (r,), added in order."""
        return np.asarray(np.bincount(owners, weights, minlength=len(self.sizes)), np.float64)

    def weight_of(self, owners: I64, keys: AnyArray, weights: F64, wanted: AnyArray) -> F64:
        """For each candidate, the summed weight of its request's entries whose key is `wanted`, (n,)."""
        group, asked, groups = self._groups(owners, keys, wanted)
        return np.asarray(np.bincount(group, weights, minlength=groups), np.float64)[asked]

    def newest_of(self, owners: I64, keys: AnyArray, times: I64, wanted: AnyArray) -> I64:
        """For each candidate, the latest time of its request's entries whose key is `wanted`, (n,); 0 without any."""
        group, asked, groups = self._groups(owners, keys, wanted)
        latest = np.zeros(groups, np.int64)
        np.maximum.at(latest, group, times)
        return latest[asked]

    def _groups(self, owners: I64, keys: AnyArray, wanted: AnyArray) -> tuple[I64, I64, int]:
        """Entries of one request and key form a group: each entry's, each candidate's, and how many there are.

        The last group is empty: that of candidates whose request has no such entry.
        """
        known, group = np.unique(_joint(owners, keys), return_inverse=True)
        asked = _joint(self.request, wanted)
        place = np.searchsorted(known, asked)
        there = place < len(known)
        there[there] = known[place[there]] == asked[there]
        return group, np.where(there, place, len(known)), len(known) + 1

    def rank_in_slate(self, values: AnyArray) -> F64:
        """Each candidate's place in its slate by value: 0 the lowest, 1 the highest, ties their mean; NaN sinks."""
        filled = np.where(np.isnan(values), -np.inf, values)
        order = np.lexsort((filled, self.request))
        ordered, owner = filled[order], self.request[order]
        starts = np.r_[True, (ordered[1:] != ordered[:-1]) | (owner[1:] != owner[:-1])] if self.n else np.empty(0, bool)
        run = np.cumsum(starts) - 1
        first = np.flatnonzero(starts)
        last = np.r_[first[1:], self.n] - 1
        middle = (first + last)[run] / 2.0 - self.raw.item_offsets[owner]
        ranks = np.empty(self.n)
        ranks[order] = middle / np.maximum(self.sizes[owner] - 1, 1)
        return ranks

    def z_in_slate(self, values: AnyArray) -> F64:
        """Standard scores within the slate; 0 where the slate does not vary. NaN counts as 0 and stays NaN."""
        known: Bools = ~np.isnan(values)
        filled = np.where(known, values, 0.0)
        counts = np.maximum(self.sum_by_request(self.request, known.astype(np.float64)), 1.0)
        mean = self.per_request(self.sum_by_request(self.request, filled) / counts)
        gap = np.where(known, filled - mean, 0.0)
        spread = self.per_request(np.sqrt(self.sum_by_request(self.request, gap * gap) / counts))
        z = np.divide(gap, spread, out=np.zeros(self.n), where=spread > 1e-9)
        return np.where(known, z, np.nan)


def _owners(offsets: I64) -> I64:
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def _joint(owners: I64, keys: AnyArray) -> I64:
    return owners << 32 | keys.astype(np.int64)
