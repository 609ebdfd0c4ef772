"""A ragged batch of requests as features see it: shared derived columns, computed once and only when asked for.

Every method treats each candidate alone. No batch-shaped BLAS call: its bits depend
on the batch. Knows nothing of any particular feature.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from feedrank.features.raw import Raw
from feedrank.kernels import matched
from feedrank.state import CODED
from feedrank.types import F64, HOUR, I32, I64, AnyArray

ROW = "row"  # the kind of entries that are of the candidate itself
STORY = "story"  # ... of its story, known of the history alone


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
        return np.repeat(values, self.sizes, axis=0)

    def cached(self, key: str, make: Callable[["Frame"], AnyArray]) -> AnyArray:
        """What `make` gives for this batch, made once: for what several features read."""
        if key not in self._cache:
            self._cache[key] = make(self)
        return self._cache[key]

    @cached_property
    def now(self) -> I64:
        """The request's instant, microseconds, (n,)."""
        return self.per_request(self.raw.requests.now)

    @cached_property
    def counts(self) -> F64:
        """The candidates' decayed counts by kind and half-life, (kinds, half-lives, n)."""
        return np.ascontiguousarray(self.items.counts.transpose(1, 2, 0))

    def hours_since(self, times: I64) -> F64:
        """Hours from each candidate's time (n,) to its request; NaN where the time is 0, never negative."""
        hours = np.maximum((self.now - times) / HOUR, 0.0)
        return np.where(times > 0, hours, np.nan)

    @cached_property
    def history(self) -> "Entries":
        """What the users engaged with."""
        history = self.raw.history
        owners, offsets = self.request, self.raw.history_offsets
        return Entries(self.raw, owners, history.rows, history.codes, history.times, offsets, history.stories)

    @cached_property
    def views(self) -> "Entries":
        """What the users were shown."""
        views = self.raw.views
        return Entries(self.raw, self.request, views.rows, views.codes, views.times, self.raw.view_offsets)

    @cached_property
    def history_recency(self) -> I64:
        """0 for a request's newest history entry, 1 for the one before it ..., (h,)."""
        ends = self.raw.history_offsets[1:][self.history.request]
        return ends - 1 - np.arange(len(self.history.request))

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
        return _summed(owners, weights, len(self.sizes))


class Entries:
    """What the batch's users did, one entry an item and time (e,), and which entries are of a candidate's kind.

    A kind is the item itself ("row"), its story ("story") or one of its codes ("category", "author" ...). `asking` is
    the request of each candidate. (This does not hold the frame that holds it: such a pair would live on until a
    collection.)
    """

    def __init__(
        self, raw: Raw, asking: I64, rows: I32, codes: I32, times: I64, offsets: I64, stories: I32 | None = None
    ) -> None:
        self._now, self._items, self._asking = raw.requests.now, raw.items, asking
        self._rows, self._codes, self.times, self._stories = rows, codes, times, stories
        self.request: I64 = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))  # of each entry
        self._matched: dict[str, tuple[I64, I64, int]] = {}

    @cached_property
    def age_hours(self) -> F64:
        """Hours from each entry to its request, never negative."""
        return np.maximum((self._now[self.request] - self.times) / HOUR, 0.0)

    def sum(self, weights: F64) -> F64:
        """The summed weight of each request's entries, (r,)."""
        return _summed(self.request, weights, len(self._now))

    def weight(self, kind: str, weights: F64) -> F64:
        """For each candidate, the summed weight of its request's entries of its kind, (n,)."""
        group, asked, groups = self._groups(kind)
        return np.asarray(np.bincount(group, weights, minlength=groups + 1), np.float64)[asked]

    def newest(self, kind: str) -> I64:
        """For each candidate, the latest time of its request's entries of its kind, (n,); 0 without any."""
        group, asked, groups = self._groups(kind)
        latest = np.zeros(groups + 1, np.int64)
        np.maximum.at(latest, group, self.times)
        return latest[asked]

    def codes(self, kind: str) -> I32:
        """The entries' codes of a kind, (e,)."""
        return self._codes[:, CODED.index(kind)]

    def _groups(self, kind: str) -> tuple[I64, I64, int]:
        if kind not in self._matched:
            items = self._items
            if kind == ROW:
                keys, wanted = self._rows, items.rows
            elif kind == STORY and self._stories is not None:
                keys, wanted = self._stories, items.story
            else:
                keys, wanted = self.codes(kind), items.codes[:, CODED.index(kind)]
            self._matched[kind] = matched(_joint(self.request, keys), _joint(self._asking, wanted))
        return self._matched[kind]


def _summed(owners: I64, weights: F64, requests: int) -> F64:
    return np.asarray(np.bincount(owners, weights, minlength=requests), np.float64)


def _joint(owners: I64, keys: AnyArray) -> I64:
    return owners << 32 | keys.astype(np.int64)
