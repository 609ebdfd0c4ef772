"""Example feeds: impressions on which two models differ most, each in both orders, without whose they are.

Knows nothing of tests or of pages.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from feedrank.analysis.compare.agreement import Agreement, order
from feedrank.store import LogStore
from feedrank.training.gate.contest import Contest
from feedrank.types import F64, I64, Bools, Micros, Row

FEWEST_ITEMS = 6  # two or three items turn round easily, and show nothing
SHOWN = 10  # places of each feed


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a feed."""

    title: str
    category: str
    score: float
    clicked: bool


@dataclass(frozen=True, slots=True)
class Feeds:
    """One impression in the order of `a` and in that of `b`, the first SHOWN places."""

    time: Micros
    items: int
    tau: float
    auc: tuple[float, float]
    a: Sequence[Place]
    b: Sequence[Place]


@dataclass(frozen=True, slots=True)
class Examples:
    """Feeds least alike, and those on which either ranks the clicks furthest above the other's."""

    least_alike: Sequence[Feeds]
    a_ahead: Sequence[Feeds]
    b_ahead: Sequence[Feeds]


def examples(store: LogStore, found: Contest, alike: Agreement, count: int) -> Examples:
    """At most `count` feeds of each kind, no two of one user within a kind."""
    sizes = np.diff(found.data.offsets)
    fit = np.flatnonzero(sizes >= FEWEST_ITEMS)
    auc = found.differences()[:, 0]
    kinds = [
        _chosen(np.lexsort((-sizes[fit], alike.tau[fit])), fit, found.users, count, ~np.isnan(alike.tau)),
        _chosen(np.argsort(-auc[fit], kind="stable"), fit, found.users, count, auc > 0),
        _chosen(np.argsort(auc[fit], kind="stable"), fit, found.users, count, auc < 0),
    ]
    titles = _Titles(store, found, [i for kind in kinds for i in kind])
    least, a_ahead, b_ahead = ([_feeds(found, alike, i, titles) for i in kind] for kind in kinds)
    return Examples(least, a_ahead, b_ahead)


class _Titles:
    """Titles and categories of the items of some impressions."""

    def __init__(self, store: LogStore, found: Contest, impressions: Iterable[int]) -> None:
        owner = np.repeat(np.arange(len(found.data)), np.diff(found.data.offsets))
        rows: list[Row] = np.unique(found.data.item_rows[np.isin(owner, list(impressions))]).tolist()
        known = dict(zip(rows, store.items(rows), strict=True))
        ids = dict(zip(rows, store.ids_of(rows), strict=True))
        self._told = {
            row: (item.title or ids[row], item.category) if item is not None else (ids[row], "")
            for row, item in known.items()
        }

    def of(self, row: Row) -> tuple[str, str]:
        """(title, category); the item's id stands for a title nobody told."""
        return self._told[row]


def _chosen(best_first: I64, fit: I64, users: I64, count: int, eligible: Bools) -> list[int]:
    chosen: list[int] = []
    seen: set[int] = set()
    for i in fit[best_first].tolist():
        if len(chosen) == count:
            break
        if eligible[i] and users[i] not in seen:
            seen.add(users[i])
            chosen.append(i)
    return chosen


def _feeds(found: Contest, alike: Agreement, i: int, titles: _Titles) -> Feeds:
    data = found.data
    part = slice(int(data.offsets[i]), int(data.offsets[i + 1]))
    rows, labels = data.item_rows[part].tolist(), data.labels[part]

    def places(scores: F64) -> list[Place]:
        return [
            Place(*titles.of(rows[j]), float(scores[j]), bool(labels[j] > 0)) for j in order(scores)[:SHOWN].tolist()
        ]

    auc = float(found.quality[0][i, 0]), float(found.quality[1][i, 0])
    a, b = (places(margins[part]) for margins in found.margins)
    return Feeds(int(data.times[i]), len(rows), float(alike.tau[i]), auc, a, b)
