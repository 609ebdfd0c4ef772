"""Seen: how often, and when, this user already met the candidate. Knows nothing of other users."""

import numpy as np

from feedrank.features.definition import Feature
from feedrank.features.frame import ROW, STORY, Frame
from feedrank.settings import ENGAGEMENTS_KEPT, VIEWS_KEPT, VIEWS_KEPT_DAYS
from feedrank.types import F64

READS = (f"views {VIEWS_KEPT} in {VIEWS_KEPT_DAYS} d",)
_HISTORY = (f"history {ENGAGEMENTS_KEPT}",)


def _views_where(frame: Frame, weights: F64) -> F64:
    return frame.views.weight(ROW, weights)


def _views_within(frame: Frame, hours: float) -> F64:
    return _views_where(frame, (frame.views.age_hours <= hours).astype(np.float64))


def _views_in_session(frame: Frame) -> F64:
    session = frame.raw.requests.session[frame.views.request]
    same = (frame.raw.views.sessions == session) & (session != 0)
    return _views_where(frame, same.astype(np.float64))


def _hours_since_view(frame: Frame) -> F64:
    return frame.hours_since(frame.views.newest(ROW))


def views_by_user(frame: Frame) -> F64:
    """Times each candidate was shown to its user in 7 d, (n,)."""
    return frame.cached("views_168h", lambda f: _views_within(f, 168.0))


def _last_slate(frame: Frame) -> F64:
    """Whether a candidate was among what the user was shown last, (n,); NaN for a user who was shown nothing."""
    views = frame.raw.views
    last = np.zeros(len(frame.sizes), np.int64)
    np.maximum.at(last, frame.views.request, views.times)
    newest = (views.times == last[frame.views.request]).astype(np.float64)
    shown = np.minimum(_views_where(frame, newest), 1.0)
    return np.where(frame.per_request(last) > 0, shown, np.nan)


def _views_since_read(frame: Frame) -> F64:
    """Times shown since the user last engaged with anything, (n,)."""
    since = frame.raw.views.times > frame.last_engaged[frame.views.request]
    return _views_where(frame, since.astype(np.float64))


def _reads(frame: Frame) -> F64:
    return frame.history.weight(ROW, np.ones(len(frame.history.times)))


def _story_reads(frame: Frame) -> F64:
    """Times the user engaged with the story of each candidate, in whatever telling, (n,)."""
    return frame.history.weight(STORY, np.ones(len(frame.history.times)))


def _hours_since_read(frame: Frame) -> F64:
    return frame.hours_since(frame.history.newest(ROW))


FEATURES: tuple[Feature, ...] = (
    Feature("views_24h", "seen", "times shown to this user in 24 h", lambda f: _views_within(f, 24.0), READS),
    Feature("views_1h", "seen", "times shown to this user in 1 h", lambda f: _views_within(f, 1.0), READS),
    Feature("views_168h", "seen", "times shown to this user in 7 d", views_by_user, READS),
    Feature("views_in_session", "seen", "times shown in this session", _views_in_session, READS),
    Feature("view_hours", "seen", "hours since it was last shown to this user", _hours_since_view, READS),
    Feature("in_last_slate", "seen", "it was in the last slate the user was shown", _last_slate, READS),
    Feature(
        "views_since_read", "seen", "times shown since the user last engaged", _views_since_read, (*READS, *_HISTORY)
    ),
    Feature("reads_by_user", "seen", "times this user engaged with it", _reads, _HISTORY),
    Feature("story_reads", "seen", "times this user engaged with its story, in any telling", _story_reads, _HISTORY),
    Feature("read_hours", "seen", "hours since this user engaged with it", _hours_since_read, _HISTORY),
)
