"""User and context: the same for every candidate of a request; they matter through their interactions.

Knows nothing of items.
"""

import numpy as np

from feedrank.features.definition import Feature
from feedrank.features.frame import Frame
from feedrank.features.raw import DEVICES
from feedrank.settings import ENGAGEMENTS_KEPT, SEARCHES_KEPT, STATES_KEPT, VIEWS_KEPT, VIEWS_KEPT_DAYS
from feedrank.types import DAY, F64, HOUR

_HISTORY = (f"history {ENGAGEMENTS_KEPT}",)
_VIEWS = (f"views {VIEWS_KEPT} in {VIEWS_KEPT_DAYS} d",)


def _history_size(frame: Frame) -> F64:
    return frame.per_request(np.diff(frame.raw.history_offsets)).astype(np.float64)


def _user_ctr(frame: Frame) -> F64:
    """Reads over views of the last 7 days, (n,), smoothed towards 0.1."""
    reads = frame.history.sum((frame.history.age_hours <= 168.0).astype(np.float64))
    views = frame.views.sum((frame.views.age_hours <= 168.0).astype(np.float64))
    return frame.per_request((reads + 1.0) / (views + 10.0))


def _hours_since_read(frame: Frame) -> F64:
    return frame.hours_since(frame.per_request(frame.last_engaged))


def _session_reads(frame: Frame) -> F64:
    session = frame.raw.requests.session[frame.history.request]
    same = (frame.raw.history.sessions == session) & (session != 0)
    return frame.per_request(frame.history.sum(same.astype(np.float64)))


def _session_views(frame: Frame) -> F64:
    session = frame.raw.requests.session[frame.views.request]
    same = (frame.raw.views.sessions == session) & (session != 0)
    return frame.per_request(frame.views.sum(same.astype(np.float64)))


FEATURES: tuple[Feature, ...] = (
    Feature("history_size", "context", "engagements known of the user", _history_size, _HISTORY),
    Feature("user_ctr", "context", "the user's reads over views in 7 d, smoothed", _user_ctr, _HISTORY + _VIEWS),
    Feature("user_read_hours", "context", "hours since the user last read anything", _hours_since_read, _HISTORY),
    Feature("session_reads", "context", "engagements in this session", _session_reads, _HISTORY),
    Feature("session_views", "context", "item views in this session", _session_views, _VIEWS),
    Feature("hour", "context", "hour of the day, UTC", lambda f: (f.now % DAY) // HOUR),
    # 1970-01-01 was a Thursday.
    Feature("weekday", "context", "day of the week, UTC, Monday 0", lambda f: (f.now // DAY + 3) % 7),
    Feature(
        "device",
        "context",
        "index of the device in raw.DEVICES, -1 for another",
        lambda f: f.per_request(f.raw.requests.device),
        DEVICES,
    ),
    Feature(
        "follows",
        "context",
        "how many targets the user follows",
        lambda f: f.per_request(f.raw.requests.follows),
        (f"states {STATES_KEPT}",),
    ),
    Feature(
        "searches",
        "context",
        "searches known of the user",
        lambda f: f.per_request(f.raw.requests.searches),
        (f"searches {SEARCHES_KEPT}",),
    ),
)
