"""Slices: a scorer's metrics for parts of the impressions, each with its intervals, beside the whole.

A slicing gives every impression at most one group: by what the user had read, by the item that was clicked, by the
hour, the device, the account. Knows nothing of scorers, of the log, or of how a table looks.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from feedrank.features.raw import DEVICES
from feedrank.training.background import UNKNOWN, Background
from feedrank.training.bootstrap import RESAMPLES, Interval, intervals, numbered
from feedrank.training.dataset import Dataset
from feedrank.training.metrics import Metrics, PerImpression, judge
from feedrank.types import DAY, F64, HOUR, I64, Bools

METRICS = ("auc", "mrr", "ndcg@5", "ndcg@10")  # the contract's keys, in the order of columns

HISTORY_EDGES = {"0": 0.0, "1-5": 5.0, "6-50": 50.0, "50+": np.inf}  # engagements known, up to and including
AGE_EDGES = {"under 1 h": 1.0, "1-6 h": 6.0, "6-24 h": 24.0, "1-3 d": 72.0, "over 3 d": np.inf}
HOURS_A_BLOCK = 4
NEW_USER_DAYS = 7  # a user is new for a week after the log first heard of them
MOST_WORDS = 12  # groups of a category or region; rarer ones together are "other"
MOST_VALUES = 8  # an attribute of more values is a text, not a group
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Slicing:
    """A way to part impressions: `group` (r,) is an index into `values`, -1 for what belongs to none.

    `of_users`: it parts them by who asked and how, not by what was clicked or when.
    """

    name: str
    values: tuple[str, ...]
    group: I64
    of_users: bool = True


@dataclass(frozen=True, slots=True)
class Slice:
    """One group of impressions with both labels: how many, of how many users, and how well they were ranked."""

    name: str
    value: str
    impressions: int
    users: int
    metrics: Metrics
    intervals: Mapping[str, Interval]  # 95% over users, by METRICS

    def as_json(self) -> dict[str, Any]:
        """The contract's keys, each metric with its interval as KEY_95."""
        bounds = {f"{key}_95": [interval.low, interval.high] for key, interval in self.intervals.items()}
        return {"slice": self.name, "value": self.value, "users": self.users, **self.metrics.as_json(), **bounds}


def slice_table(
    dataset: Dataset, scores: F64, background: Background | None = None, seed: int = 1, resamples: int = RESAMPLES
) -> list[Slice]:
    """The whole, then each group of each slicing that has at least two groups, judged on what was seen.

    `scores` (n,) belong to the entries of `dataset`. Slicings whose feature or background is missing are left out.
    """
    seen = dataset.judged()
    judged = judge(seen.labels, scores[dataset.seen], seen.offsets)
    users = numbered([seen.user_ids[i] for i in judged.index.tolist()])
    everything = Slicing("all", ("all",), np.zeros(len(seen), np.int64))
    return [
        _slice(slicing, place, judged, users, seed, resamples)
        for slicing in (everything, *slicings(seen, background))
        for place in _present(slicing, judged.index)
    ]


def slicings(dataset: Dataset, background: Background | None = None) -> list[Slicing]:
    """Every slicing the data allow whose impressions fall into at least two groups."""
    found = [make(dataset) for feature, make in _BY_FEATURE if feature in dataset.features]
    if background is not None:
        found += [make(dataset, background) for make in _BY_BACKGROUND]
        found += _by_attributes(dataset, background)
    return [slicing for slicing in found if len(np.unique(slicing.group[slicing.group >= 0])) > 1]


def columns_of(judged: PerImpression) -> F64:
    """The metrics of each impression side by side, (m, len(METRICS))."""
    return np.column_stack([judged.auc, judged.mrr, judged.ndcg_5, judged.ndcg_10])


def part_of(judged: PerImpression, inside: Bools) -> PerImpression:
    """The judged impressions of a mask (m,)."""
    return PerImpression(
        judged.index[inside],
        judged.auc[inside],
        judged.mrr[inside],
        judged.ndcg_5[inside],
        judged.ndcg_10[inside],
    )


def _present(slicing: Slicing, index: I64) -> list[int]:
    return [int(place) for place in np.unique(slicing.group[index]) if place >= 0]


def _slice(slicing: Slicing, place: int, judged: PerImpression, users: I64, seed: int, resamples: int) -> Slice:
    inside = slicing.group[judged.index] == place
    own = users[inside]
    bounds = dict(zip(METRICS, intervals(columns_of(judged)[inside], own, seed, resamples), strict=True))
    metrics = part_of(judged, inside).mean()
    return Slice(slicing.name, slicing.values[place], metrics.impressions, len(np.unique(own)), metrics, bounds)


def _first_entries(dataset: Dataset, feature: str) -> F64:
    """A feature that is the same for all candidates of an impression, (r,); NaN for an empty impression."""
    column = dataset.columns((feature,))[:, 0].astype(np.float64)
    filled = np.diff(dataset.offsets) > 0
    values = np.full(len(dataset), np.nan)
    values[filled] = column[dataset.offsets[:-1][filled]]
    return values


def _clicked(dataset: Dataset) -> I64:
    """The entry of the first clicked item of each impression, (r,), -1 without one."""
    owner = np.repeat(np.arange(len(dataset)), np.diff(dataset.offsets))
    positive = np.flatnonzero(dataset.labels > 0)
    entries = np.full(len(dataset), -1, np.int64)
    entries[owner[positive][::-1]] = positive[::-1]  # the first one is written last
    return entries


def _banded(name: str, values: F64, edges: Mapping[str, float]) -> Slicing:
    group = np.searchsorted(np.array(list(edges.values())), values, side="left")
    return Slicing(name, tuple(edges), np.where(np.isnan(values), -1, group).astype(np.int64))


def _worded(name: str, words: Sequence[str]) -> Slicing:
    """Groups by word, most frequent first; "" is unknown, and what comes after MOST_WORDS is other."""
    named = [word or UNKNOWN for word in words]
    frequent = [word for word, _ in sorted(Counter(named).items(), key=lambda entry: (-entry[1], entry[0]))]
    values = tuple(frequent[:MOST_WORDS])
    place = {word: i for i, word in enumerate(values)}
    group = np.array([place.get(word, len(values)) for word in named], np.int64)
    return Slicing(name, (*values, OTHER), group)


def _history(dataset: Dataset) -> Slicing:
    return _banded("history length", _first_entries(dataset, "history_size"), HISTORY_EDGES)


def _activity(dataset: Dataset) -> Slicing:
    """Light and heavy users: below and from the median over users of the most that was known of them."""
    users = numbered(dataset.user_ids)
    most = np.zeros(int(users.max(initial=-1)) + 1)
    np.maximum.at(most, users, np.nan_to_num(_first_entries(dataset, "history_size")))
    heavy = most >= max(float(np.median(most)) if len(most) else 0.0, 1.0)
    return Slicing("activity", ("light users", "heavy users"), heavy[users].astype(np.int64))


def _item_age(dataset: Dataset) -> Slicing:
    clicked = _clicked(dataset)
    ages = dataset.columns(("age_hours",))[:, 0].astype(np.float64)
    sliced = _banded("age of the clicked item", np.where(clicked >= 0, ages[clicked], np.nan), AGE_EDGES)
    return replace(sliced, of_users=False)


def _hour(dataset: Dataset) -> Slicing:
    hours = np.arange(0, 24, HOURS_A_BLOCK).tolist()
    values = tuple(f"{hour:02}-{hour + HOURS_A_BLOCK:02} UTC" for hour in hours)
    return Slicing("hour", values, dataset.times % DAY // HOUR // HOURS_A_BLOCK, of_users=False)


def _device(dataset: Dataset) -> Slicing:
    device = _first_entries(dataset, "device")
    values = (*(name or UNKNOWN for name in DEVICES), OTHER)
    return Slicing("device", values, np.where(device < 0, len(DEVICES), np.nan_to_num(device)).astype(np.int64))


def _category(dataset: Dataset, background: Background) -> Slicing:
    clicked = _clicked(dataset)
    words = background.categories[dataset.item_rows[np.maximum(clicked, 0)]] if len(dataset.item_rows) else clicked
    sliced = _worded("category of the clicked item", words.tolist())
    return replace(sliced, group=np.where(clicked < 0, -1, sliced.group), of_users=False)


def _tenure(dataset: Dataset, background: Background) -> Slicing:
    """New users are those the log first heard of within NEW_USER_DAYS; users without an id belong to neither."""
    known = [background.joined.get(user, time) for user, time in zip(dataset.user_ids, dataset.times, strict=True)]
    old = dataset.times - np.array(known, np.int64) >= NEW_USER_DAYS * DAY
    named = np.array([bool(user) for user in dataset.user_ids], np.bool_)
    return Slicing("tenure", ("new users", "old users"), np.where(named, old.astype(np.int64), -1))


def _region(dataset: Dataset, background: Background) -> Slicing:
    found = [background.contexts.get(key) for key in zip(dataset.user_ids, dataset.request_ids, strict=True)]
    return _worded("region", ["" if c is None else c.region or c.country for c in found])


def _by_attributes(dataset: Dataset, background: Background) -> list[Slicing]:
    """One slicing for each attribute of accounts with few values."""
    told = [background.attributes.get(user, {}) for user in dataset.user_ids]
    names = sorted({name for attributes in told for name in attributes})
    columns = {name: [attributes.get(name, "") for attributes in told] for name in names}
    return [_worded(name, column) for name, column in columns.items() if len(set(column)) <= MOST_VALUES]


_BY_FEATURE: tuple[tuple[str, Callable[[Dataset], Slicing]], ...] = (
    ("history_size", _history),
    ("history_size", _activity),
    ("age_hours", _item_age),
    ("hour", _hour),
    ("device", _device),
)
_BY_BACKGROUND: tuple[Callable[[Dataset, Background], Slicing], ...] = (_category, _tenure, _region)
