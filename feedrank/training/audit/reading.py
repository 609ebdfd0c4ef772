"""Who read what and when, out of the log: histories by user, readers and engagement by item.

Knows nothing of lists or of groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from feedrank.records import EventRecorded, Fact
from feedrank.settings import ENGAGEMENTS_KEPT
from feedrank.types import F64, I32, I64, Action, Micros

ENGAGED = frozenset({Action.CLICK, Action.LIKE, Action.SAVE, Action.SHARE})
PRIOR_VIEWS = 20.0  # views at the overall rate that an item's own engagement must outweigh


@dataclass(frozen=True, slots=True)
class Reading:
    """What users engaged with, in time order by user, and the views and clicks of each catalog row."""

    items: dict[str, I32]
    times: dict[str, I64]
    readers: I64  # (rows,) distinct users who engaged with it
    views: I64  # (rows,)
    clicks: I64  # (rows,) clicks in answer to a view

    def before(self, user_id: str, time: Micros) -> I32:
        """The newest catalog rows a user engaged with strictly before `time`, at most ENGAGEMENTS_KEPT, oldest
        first.
        """
        times = self.times.get(user_id)
        if times is None:
            return np.empty(0, np.int32)
        stop = int(np.searchsorted(times, time, side="left"))
        return self.items[user_id][max(0, stop - ENGAGEMENTS_KEPT) : stop]

    def quality(self) -> F64:
        """Smoothed engagement of each catalog row, (rows,): clicks a view, drawn towards the overall rate."""
        views, clicks = float(self.views.sum()), float(self.clicks.sum())
        rate = clicks / views if views else 0.0
        return (self.clicks + PRIOR_VIEWS * rate) / (self.views + PRIOR_VIEWS)


def read_reading(facts: Sequence[Fact], until: Micros, rows: int) -> Reading:
    """The reading of a log up to `until`, over `rows` catalog rows."""
    found: dict[str, list[tuple[Micros, int]]] = {}
    views, clicks = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    for fact in facts:
        if not isinstance(fact, EventRecorded) or fact.time >= until:
            continue
        if fact.action == Action.VIEW:
            views[list(fact.rows)] += 1
        elif fact.action in ENGAGED and fact.rows:
            if fact.action == Action.CLICK and fact.event.request_id:
                clicks[fact.rows[0]] += 1
            if fact.event.user_id:
                found.setdefault(fact.event.user_id, []).append((fact.time, fact.rows[0]))
    items: dict[str, I32] = {}
    times: dict[str, I64] = {}
    readers = np.zeros(rows, np.int64)
    for user_id, reads in found.items():
        reads.sort()
        items[user_id] = np.array([row for _, row in reads], np.int32)
        times[user_id] = np.array([time for time, _ in reads], np.int64)
        readers[np.unique(items[user_id])] += 1
    return Reading(items, times, readers, views, clicks)
