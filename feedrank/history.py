"""A user's profile: the only code that turns a user's records into what ranking knows of them.

`apply` folds records, in any order and any batching, into a bounded `History`; `profile` reads it as columns. Bounds
are per lane (settings): the newest records by (time, offset) are kept. Knows nothing of items beyond their rows, of
storage, or of the clock.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from feedrank.records import unpack_vector
from feedrank.settings import DWELLS_KEPT, ENGAGEMENTS_KEPT, SEARCHES_KEPT, STATES_KEPT, VIEWS_KEPT
from feedrank.types import F32, I32, I64, Action, AnyArray
from feedrank.user_records import Lane, UserRecord

_STRAYS_KEPT = 5 * SEARCHES_KEPT  # query vectors that wait for their search, should they ever come before it
_COLUMN_LANES = (Lane.ENGAGEMENT, Lane.VIEW, Lane.DWELL)
_RETRACTS = {Action.UNLIKE: Action.LIKE, Action.UNSAVE: Action.SAVE}


@dataclass(frozen=True, slots=True)
class Column:
    """Records of one lane, one entry an item, oldest first by (time, offset, place in the record)."""

    times: I64
    offsets: I64
    rows: I32
    actions: I32
    values: F32
    sessions: I64
    places: I32  # in the record, 1 for its first item

    def __len__(self) -> int:
        return len(self.times)

    def newest_before(self, time: int, kept: int) -> "Column":
        """The last `kept` entries strictly before `time`: views of the columns."""
        until = int(self.times.searchsorted(time))
        part = slice(max(0, until - kept), until)
        return Column(
            self.times[part],
            self.offsets[part],
            self.rows[part],
            self.actions[part],
            self.values[part],
            self.sessions[part],
            self.places[part],
        )


def _empty_column() -> Column:
    i64 = np.empty(0, np.int64)
    i32 = np.empty(0, np.int32)
    return Column(i64, i64, i32, i32, np.empty(0, np.float32), i64, i32)


_EMPTY = _empty_column()
_NO_VECTORS: F32 = np.empty((0, 0), np.float32)


@dataclass(frozen=True, slots=True)
class History:
    """A user's bounded records. Immutable: `apply` returns another."""

    engagements: Column = _EMPTY
    views: Column = _EMPTY
    dwells: Column = _EMPTY
    searches: tuple[UserRecord, ...] = ()  # oldest first
    query_vectors: tuple[UserRecord, ...] = ()
    states: dict[str, UserRecord] = field(default_factory=dict)  # the last write of each key


NO_HISTORY = History()


@dataclass(frozen=True, slots=True)
class Profile:
    """What ranking reads of a user: columns, oldest first. Everything is empty for an unknown user."""

    engaged_rows: I32  # (e,) clicks, likes, saves and shares not retracted
    engaged_actions: I32  # (e,) Action
    engaged_times: I64  # (e,)
    engaged_sessions: I64  # (e,) 0 where unknown
    engaged_dwell_s: F32  # (e,) seconds, NaN where unknown
    viewed_rows: I32  # (v,)
    viewed_times: I64  # (v,)
    viewed_sessions: I64  # (v,)
    viewed_places: I32  # (v,) in what was shown together, 1 at the top
    hidden_rows: I32  # (x,)
    hidden_times: I64  # (x,)
    follows: tuple[str, ...]  # targets, oldest first
    search_times: I64  # (s,)
    query_vectors: F32  # (q, d) of the searches whose vector has landed, oldest first
    query_times: I64  # (q,)


def apply(history: History, records: Iterable[UserRecord]) -> History:
    """Folds records into a history. Order and batching do not matter; a record must come once.

    (Of query vectors that come before their search only a hundred wait. The log has them after it.)
    """
    lanes: dict[Lane, list[UserRecord]] = {}
    for record in records:
        lanes.setdefault(record.lane, []).append(record)
    if not lanes:
        return history
    searches = _newest((*history.searches, *lanes.get(Lane.SEARCH, ())), SEARCHES_KEPT)
    vectors = _vectors_of(searches, (*history.query_vectors, *lanes.get(Lane.QUERY_VECTOR, ())))
    return History(
        _extend(history.engagements, lanes.get(Lane.ENGAGEMENT, []), ENGAGEMENTS_KEPT),
        _extend(history.views, lanes.get(Lane.VIEW, []), VIEWS_KEPT),
        _extend(history.dwells, lanes.get(Lane.DWELL, []), DWELLS_KEPT),
        searches,
        vectors,
        _last_writes(history.states, lanes.get(Lane.STATE, [])),
    )


class Timeline:
    """All records of one user, read as the history of any instant: what `apply` makes of those strictly before it."""

    def __init__(self, records: Iterable[UserRecord]) -> None:
        lanes: dict[Lane, list[UserRecord]] = {}
        for record in sorted(records, key=lambda r: (r.time, r.offset)):
            lanes.setdefault(record.lane, []).append(record)
        whole = (_extend(_EMPTY, lanes.pop(lane, []), None) for lane in _COLUMN_LANES)
        self._engagements, self._views, self._dwells = whole
        self._others = sorted(chain.from_iterable(lanes.values()), key=lambda r: (r.time, r.offset))
        self._folded = NO_HISTORY, 0  # of the others: the history of so many

    def before(self, time: int) -> History:
        """The history of everything strictly before `time`."""
        history = self._others_before(time) if self._others else NO_HISTORY
        return History(
            self._engagements.newest_before(time, ENGAGEMENTS_KEPT),
            self._views.newest_before(time, VIEWS_KEPT),
            self._dwells.newest_before(time, DWELLS_KEPT),
            history.searches,
            history.query_vectors,
            history.states,
        )

    def _others_before(self, time: int) -> History:
        history, count = self._folded
        until = bisect_left(self._others, time, key=lambda r: r.time)
        if until < count:
            history, count = NO_HISTORY, 0
        if until > count:
            history = apply(history, self._others[count:until])
            self._folded = history, until
        return history


def _newest(records: tuple[UserRecord, ...], kept: int) -> tuple[UserRecord, ...]:
    return tuple(sorted(records, key=lambda r: (r.time, r.offset))[-kept:])


def _vectors_of(searches: tuple[UserRecord, ...], vectors: tuple[UserRecord, ...]) -> tuple[UserRecord, ...]:
    known = {str(search.offset) for search in searches}
    ordered = sorted(vectors, key=lambda r: (int(r.key), r.space, r.offset))
    strays = [r for r in ordered if r.key not in known]
    return (*(r for r in ordered if r.key in known), *strays[-_STRAYS_KEPT:])


def _last_writes(states: dict[str, UserRecord], records: list[UserRecord]) -> dict[str, UserRecord]:
    if not records:
        return states
    merged = dict(states)
    for record in records:
        held = merged.get(record.key)
        if held is None or (record.time, record.offset) > (held.time, held.offset):
            merged[record.key] = record
    newest = sorted(merged.values(), key=lambda r: (r.time, r.offset))[-STATES_KEPT:]
    return {record.key: record for record in newest}


def _extend(column: Column, records: list[UserRecord], kept: int | None) -> Column:
    """The newest `kept` entries of a column and of further records, in order; all with None."""
    if not records:
        return column
    _, times, offsets, actions, rows, values, _, sessions, _, _ = zip(*records, strict=True)
    sizes = np.fromiter(map(len, rows), np.int64, len(rows))  # entries of each record

    def joined(held: AnyArray, new: Iterable[float]) -> AnyArray:
        return np.concatenate([held, np.repeat(np.fromiter(new, held.dtype, len(sizes)), sizes)])

    all_times, all_offsets = joined(column.times, times), joined(column.offsets, offsets)
    order = np.lexsort((all_offsets, all_times))  # stable: places within a record keep their order
    if kept is not None:
        order = order[-kept:]
    new_rows = np.fromiter(chain.from_iterable(rows), np.int32, int(sizes.sum()))
    new_places = 1 + np.arange(len(new_rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return Column(
        all_times[order],
        all_offsets[order],
        np.concatenate([column.rows, new_rows])[order],
        joined(column.actions, actions)[order],
        joined(column.values, values)[order],
        joined(column.sessions, sessions)[order],
        np.concatenate([column.places, new_places.astype(np.int32)])[order],
    )


def profile(history: History, space: str) -> Profile:
    """The history as columns. `space` picks the query vectors; with "" there are none."""
    engagements = _unretracted(history.engagements)
    dwell = np.full(len(engagements), np.nan, np.float32)
    if len(engagements) and len(history.dwells):
        dwell = _dwell_of(engagements, history.dwells)
    engagements_of = (engagements.rows, engagements.actions, engagements.times, engagements.sessions, dwell)
    views_of = (history.views.rows, history.views.times, history.views.sessions, history.views.places)
    if not (history.states or history.searches):
        rows, times = _EMPTY.rows, _EMPTY.times
        return Profile(*engagements_of, *views_of, rows, times, (), times, _NO_VECTORS, times)
    hides = [r for r in history.states.values() if r.action == Action.HIDE]
    hides.sort(key=lambda r: (r.time, r.offset))
    follows = [r for r in history.states.values() if r.action == Action.FOLLOW]
    follows.sort(key=lambda r: (r.time, r.offset))
    times_of_search = {str(r.offset): r.time for r in history.searches}
    vectors = [r for r in history.query_vectors if r.space == space and r.key in times_of_search] if space else []
    vectors.sort(key=lambda r: (times_of_search[r.key], int(r.key)))
    return Profile(
        *engagements_of,
        *views_of,
        np.array([r.rows[0] for r in hides], np.int32),
        np.array([r.time for r in hides], np.int64),
        tuple(r.key for r in follows),
        np.array([r.time for r in history.searches], np.int64),
        np.stack([unpack_vector(r.vector) for r in vectors]) if vectors else _NO_VECTORS,
        np.array([times_of_search[r.key] for r in vectors], np.int64),
    )


def _unretracted(column: Column) -> Column:
    """Without retractions and the earlier actions they take back."""
    if not len(column) or column.actions.max() < min(_RETRACTS):
        return column
    retracting = np.zeros(len(column), np.bool_)
    for action in _RETRACTS:
        retracting |= column.actions == action
    keep = ~retracting
    for i in np.flatnonzero(retracting).tolist():
        taken_back = _RETRACTS[Action(int(column.actions[i]))]
        keep[:i] &= ~((column.rows[:i] == column.rows[i]) & (column.actions[:i] == taken_back))
    return Column(
        column.times[keep],
        column.offsets[keep],
        column.rows[keep],
        column.actions[keep],
        column.values[keep],
        column.sessions[keep],
        column.places[keep],
    )


def _dwell_of(engagements: Column, dwells: Column) -> F32:
    """Seconds read after each engagement, (e,): the first dwell on its item from it on, before the next engagement."""
    out = np.full(len(engagements), np.nan, np.float32)
    timed = np.flatnonzero(~np.isnan(dwells.values))
    n = len(engagements)
    rows = np.concatenate([engagements.rows, dwells.rows[timed]])
    times = np.concatenate([engagements.times, dwells.times[timed]])
    order = np.lexsort((np.arange(len(rows)) >= n, times, rows))  # by item, then time; engagements before dwells
    opened = np.maximum.accumulate(np.where(order < n, np.arange(len(order)), -1))  # by which engagement, in `order`
    dwelt = np.flatnonzero(order >= n)
    by = order[np.maximum(opened[dwelt], 0)]
    fits = (opened[dwelt] >= 0) & (rows[by] == rows[order[dwelt]])
    # Backwards, so that of several dwells the first stays.
    out[by[fits][::-1]] = dwells.values[timed[order[dwelt][fits] - n]][::-1]
    return out
