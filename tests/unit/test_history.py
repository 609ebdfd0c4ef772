"""A user's history against sorting everything, in any order and any batches."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedrank.history import NO_HISTORY, Column, History, Profile, Timeline, apply, profile
from feedrank.settings import DWELLS_KEPT, ENGAGEMENTS_KEPT, SEARCHES_KEPT, STATES_KEPT, VIEWS_KEPT
from feedrank.types import HOUR, MINUTE, SECOND, Action
from feedrank.user_records import LANE_OF_ACTION, Lane, UserRecord
from tests.strategies import T0, FactLog, fact_logs, records_of, unit_vector

_KEYED = {Action.HIDE: "hide", Action.UNHIDE: "hide", Action.FOLLOW: "author:a", Action.UNFOLLOW: "author:a"}


def record(action: Action, time: int, offset: int, rows: tuple[int, ...] = (0,), value: float = 1.0) -> UserRecord:
    key = f"{_KEYED[action]}:{rows[0]}" if action in _KEYED else ""
    return UserRecord(LANE_OF_ACTION[action], T0 + time, offset, action, rows, value, key, session=7)


def landed(search: int, offset: int, space: str = "text") -> UserRecord:
    vector = unit_vector(search).astype("<f2").tobytes()
    return UserRecord(Lane.QUERY_VECTOR, T0 + offset, offset, 0, key=str(search), vector=vector, space=space)


@st.composite
def user_records(draw: st.DrawFn) -> list[UserRecord]:
    """More records of every lane than are kept, many at the same instant."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    records: list[UserRecord] = []
    actions = list(Action)
    for offset in range(1, draw(st.sampled_from((0, 5, 60, 900))) + 1):
        action, time = rng.choice(actions), rng.randrange(2_000) * SECOND
        rows = tuple(rng.randrange(30) for _ in range(rng.randint(1, 40) if action == Action.VIEW else 1))
        searched = action == Action.SEARCH
        seconds = rng.choice((float("nan"), 5.0, 60.0))
        records.append(record(action, time, offset, () if searched else rows, seconds))
        if searched and rng.random() < 0.9:
            spaces = ("text", "other") if rng.random() < 0.2 else ("text",)
            records += [landed(offset, 2_000 + 2 * offset + k, space) for k, space in enumerate(spaces)]
    return records


def equal(mine: Profile, theirs: Profile) -> None:
    for name in Profile.__slots__:
        a, b = getattr(mine, name), getattr(theirs, name)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b, err_msg=name, strict=True)
        else:
            assert a == b


def place(r: UserRecord) -> tuple[int, int]:
    return r.time, r.offset


def bounded(records: list[UserRecord], lane: Lane, kept: int) -> list[tuple[int, int, int, int]]:
    """(time, offset, row, action) of the newest `kept` entries of a lane, by sorting all of them."""
    entries = [(r.time, r.offset, k, row, r.action) for r in records if r.lane == lane for k, row in enumerate(r.rows)]
    return [(time, offset, row, action) for time, offset, _, row, action in sorted(entries)[-kept:]]


def entries(column: Column) -> list[tuple[int, int, int, int]]:
    columns = (column.times, column.offsets, column.rows, column.actions)
    return list(zip(*(c.tolist() for c in columns), strict=True))


@given(user_records())
def test_each_lane_keeps_its_newest_records(records: list[UserRecord]) -> None:
    history = apply(NO_HISTORY, records)
    assert entries(history.engagements) == bounded(records, Lane.ENGAGEMENT, ENGAGEMENTS_KEPT)
    assert entries(history.views) == bounded(records, Lane.VIEW, VIEWS_KEPT)
    assert entries(history.dwells) == bounded(records, Lane.DWELL, DWELLS_KEPT)
    searches = sorted((r for r in records if r.lane == Lane.SEARCH), key=place)[-SEARCHES_KEPT:]
    assert list(history.searches) == searches
    last: dict[str, UserRecord] = {}
    for r in sorted((r for r in records if r.lane == Lane.STATE), key=place):
        last[r.key] = r
    assert history.states == last
    known = profile(history, "text")
    with_vector = [s for s in searches if any(r.key == str(s.offset) and r.space == "text" for r in records)]
    assert known.query_times.tolist() == [s.time for s in with_vector]
    if with_vector:
        assert (known.query_vectors == np.stack([unit_vector(s.offset) for s in with_vector])).all()
    hidden = sorted((r for r in last.values() if r.action == Action.HIDE), key=place)
    assert known.hidden_rows.tolist() == [r.rows[0] for r in hidden]
    assert known.hidden_times.tolist() == [r.time for r in hidden]
    assert list(known.follows) == [r.key for r in sorted(last.values(), key=place) if r.action == Action.FOLLOW]


@given(user_records(), st.data())
def test_order_and_batches_do_not_matter(records: list[UserRecord], data: st.DataObject) -> None:
    rng = data.draw(st.randoms(use_true_random=False))
    moment: dict[str, float] = {}
    turns: list[tuple[float, int, UserRecord]] = []
    for i, r in enumerate(records):  # a search comes before its vector, as it does in any log
        turn = rng.random() if r.lane != Lane.QUERY_VECTOR else rng.uniform(moment[r.key], 1.0)
        moment[str(r.offset)] = turn
        turns.append((turn, i, r))
    shuffled = [r for *_, r in sorted(turns)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(records)), max_size=5)))
    history: History = NO_HISTORY
    for start, stop in zip((0, *cuts), (*cuts, len(records)), strict=True):
        history = apply(history, shuffled[start:stop])
    for space in ("text", "other", ""):
        equal(profile(history, space), profile(apply(NO_HISTORY, records), space))


def test_a_vector_that_comes_before_its_search_waits_for_it() -> None:
    search = record(Action.SEARCH, 1, 1, ())
    history = apply(apply(NO_HISTORY, [landed(1, 2)]), [search])
    equal(profile(history, "text"), profile(apply(NO_HISTORY, [search, landed(1, 2)]), "text"))
    assert len(profile(history, "text").query_times) == 1


@given(fact_logs())
def test_records_of_a_log_one_by_one_give_what_they_give_at_once(log: FactLog) -> None:
    for user in ("u0", "u1"):
        records = records_of(log, user)
        history = NO_HISTORY
        for r in records:
            history = apply(history, [r])
        equal(profile(history, "text"), profile(apply(NO_HISTORY, records), "text"))


@given(user_records(), st.lists(st.integers(-1, 2_001), min_size=1, max_size=5))
def test_a_timeline_gives_the_history_of_any_instant(records: list[UserRecord], seconds: list[int]) -> None:
    timeline = Timeline(records)
    for second in seconds:  # back and forth
        time = T0 + second * SECOND
        found = timeline.before(time)
        expected = apply(NO_HISTORY, [r for r in records if r.time < time])
        equal(profile(found, "text"), profile(expected, "text"))
        for lane in ("engagements", "views", "dwells"):
            mine, theirs = getattr(found, lane), getattr(expected, lane)
            assert entries(mine) == entries(theirs) and mine.places.tolist() == theirs.places.tolist()


def test_folding_leaves_the_older_history_as_it_was() -> None:
    older = apply(NO_HISTORY, [record(Action.CLICK, 1, 1), record(Action.FOLLOW, 2, 2)])
    apply(older, [record(Action.CLICK, 3, 3), record(Action.UNFOLLOW, 4, 4)])
    assert len(older.engagements) == 1
    assert profile(older, "").follows == ("author:a:0",)


def test_a_retraction_takes_back_what_came_before_it_and_only_that() -> None:
    records = [
        record(Action.CLICK, 1, 1, (5,)),
        record(Action.LIKE, 2, 2, (5,)),
        record(Action.SAVE, 3, 3, (5,)),
        record(Action.LIKE, 4, 4, (6,)),
        record(Action.UNLIKE, 5, 5, (5,)),
        record(Action.LIKE, 6, 6, (5,)),
    ]
    known = profile(apply(NO_HISTORY, records), "")
    assert known.engaged_rows.tolist() == [5, 5, 6, 5]
    assert known.engaged_actions.tolist() == [Action.CLICK, Action.SAVE, Action.LIKE, Action.LIKE]
    assert (known.engaged_sessions == 7).all()


def test_searches_imported_late_cost_the_newest_ones_nothing() -> None:
    """Three spaces of a hundred searches, the last in the log being the oldest."""
    searches = [record(Action.SEARCH, 1_000 - offset, offset, ()) for offset in range(1, 101)]
    history = NO_HISTORY
    for search in searches:
        vectors = [landed(search.offset, 100 + 3 * search.offset + k, space) for k, space in enumerate("abc")]
        history = apply(history, [search, *vectors])
    for space in "abc":
        assert profile(history, space).query_times.tolist() == [s.time for s in searches[19::-1]]
    assert len(history.query_vectors) <= 200


def test_the_last_write_of_a_key_holds() -> None:
    follow, unfollow = record(Action.FOLLOW, 1, 1), record(Action.UNFOLLOW, 2, 2)
    hide, unhide = record(Action.HIDE, 9, 3, (4,)), record(Action.UNHIDE, 8, 4, (4,))
    known = profile(apply(NO_HISTORY, [unfollow, follow, unhide, hide]), "")
    assert known.follows == ()
    assert known.hidden_rows.tolist() == [4]


def test_states_are_bounded_and_an_evicted_key_may_come_back() -> None:
    many = [record(Action.HIDE, k, k + 1, (k,)) for k in range(STATES_KEPT + 5)]
    history = apply(NO_HISTORY, many)
    assert profile(history, "").hidden_rows.tolist() == list(range(5, STATES_KEPT + 5))
    again = apply(history, [record(Action.HIDE, STATES_KEPT + 9, STATES_KEPT + 9, (2,))])
    assert profile(again, "").hidden_rows.tolist() == [*range(6, STATES_KEPT + 5), 2]


def test_a_dwell_belongs_to_the_last_engagement_with_its_item_before_it() -> None:
    records = [
        record(Action.DWELL, 0, 1, (5,), 99.0),  # of a read nobody recorded
        record(Action.CLICK, MINUTE, 2, (5,)),
        record(Action.CLICK, 2 * MINUTE, 3, (6,)),
        record(Action.DWELL, 3 * MINUTE, 4, (5,), 12.0),
        record(Action.DWELL, 4 * MINUTE, 5, (5,), 34.0),  # a second one says nothing new
        record(Action.CLICK, HOUR, 6, (5,)),
        record(Action.DWELL, HOUR, 7, (5,), 56.0),
    ]
    known = profile(apply(NO_HISTORY, records), "")
    assert known.engaged_dwell_s == pytest.approx([12.0, np.nan, 56.0], nan_ok=True)


@given(user_records())
def test_dwells_are_matched_as_defined(records: list[UserRecord]) -> None:
    """Of equal instants the engagement comes first; of several engagements the last one is dwelt on."""
    history = apply(NO_HISTORY, [r for r in records if r.action not in (Action.UNLIKE, Action.UNSAVE)])
    engaged, dwells = history.engagements, history.dwells
    expected = [float("nan")] * len(engaged)
    for time, row, seconds in zip(dwells.times.tolist(), dwells.rows.tolist(), dwells.values.tolist(), strict=True):
        before = [i for i in range(len(engaged)) if engaged.rows[i] == row and engaged.times[i] <= time]
        if before and np.isnan(expected[before[-1]]):
            expected[before[-1]] = seconds
    assert profile(history, "").engaged_dwell_s == pytest.approx(expected, nan_ok=True)


def test_an_unknown_user_has_empty_columns_of_the_right_types() -> None:
    nobody, somebody = profile(NO_HISTORY, "text"), profile(apply(NO_HISTORY, [record(Action.CLICK, 1, 1)]), "text")
    for name in Profile.__slots__:
        column = getattr(nobody, name)
        assert len(column) == 0
        if isinstance(column, np.ndarray):
            assert column.dtype == getattr(somebody, name).dtype
