"""What any LogStore reads of a user equals the whole log read with the same bounds, however events were batched."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedrank.history import NO_HISTORY, apply, profile
from feedrank.records import EventRecorded, Fact, QueryEmbedded, Record, decode
from feedrank.settings import (
    DWELLS_KEPT,
    ENGAGEMENTS_KEPT,
    PREVIOUS_KEPT,
    PREVIOUS_WITHIN_H,
    SEARCHES_KEPT,
    STATES_KEPT,
    VIEWS_KEPT,
)
from feedrank.store import HistoryCursor, LogStore
from feedrank.types import HOUR, MINUTE, SECOND, Action, Event, Micros, Row, UserId
from feedrank.user_records import Lane, UserRecord, user_record

NOW: Micros = 1_700_000_000 * SECOND
USERS = (UserId("ann"), UserId("bob"))
ENGAGING = (Action.CLICK, Action.LIKE, Action.SAVE, Action.SHARE)

Opener = Callable[..., LogStore]
Batch = tuple[Micros | None, list[Event]]


def an_event(n: int, user: str, action: Action, at: Micros, item: str, request: str, value: float) -> Event:
    base = Event(f"e{n}", UserId(user), at, action, request_id=request, session_id=f"session {n % 3}")
    if action is Action.VIEW:
        return replace(base, item_ids=(item, "seen too"))
    if action in (Action.FOLLOW, Action.UNFOLLOW):
        return replace(base, target=f"author:{item}")
    if action is Action.SEARCH:
        return replace(base, query=f"about {item}")
    return replace(base, item_id=item, value=value if action is Action.DWELL else None)


some_events = st.builds(
    an_event,
    n=st.integers(0, 60),
    user=st.sampled_from(USERS),
    action=st.sampled_from(Action),
    at=st.integers(0, 8).map(lambda k: NOW - k * 10 * HOUR),
    item=st.sampled_from("abcdefgh"),
    request=st.sampled_from(("", "r", "s")),
    value=st.floats(0, 100, width=32),
)
# Events in order of arrival, each live at some instant or an import.
arrivals = st.lists(st.tuples(st.sampled_from((None, NOW, NOW + MINUTE)), some_events), max_size=40)


def batches(arriving: Sequence[tuple[Micros | None, Event]], cuts: set[int]) -> list[Batch]:
    """Consecutive arrivals of one kind together, but for the cuts."""
    made: list[Batch] = []
    for i, (received_at, event) in enumerate(arriving):
        if made and made[-1][0] == received_at and i not in cuts:
            made[-1][1].append(event)
        else:
            made.append((received_at, [event]))
    return made


def whole_log(store: LogStore) -> list[Record]:
    return store.read(0, 100_000)


def records_of(store: LogStore, user: UserId) -> list[UserRecord]:
    """Every record of a user, by way of the log."""
    found: list[UserRecord] = []
    for fact in map(decode, whole_log(store)):
        if _owner(fact) == user:
            record = user_record(fact) if fact is not None else None
            assert record is not None
            found.append(record)
    return found


def _owner(fact: Fact | None) -> str:
    if isinstance(fact, EventRecorded):
        return fact.event.user_id
    return fact.user_id if isinstance(fact, QueryEmbedded) else ""


def bounded(records: Sequence[UserRecord], cursor: HistoryCursor) -> list[UserRecord]:
    """The specification: the newest of each lane behind the cursor, in (time, offset) order."""
    seen = [r for r in records if r.offset <= cursor.offset and r.time < cursor.time]
    newest_first = sorted(seen, key=lambda r: (r.time, r.offset), reverse=True)
    lanes = {lane: [r for r in newest_first if r.lane is lane] for lane in Lane}
    kept = lanes[Lane.ENGAGEMENT][:ENGAGEMENTS_KEPT] + lanes[Lane.DWELL][:DWELLS_KEPT]
    views = 0
    for view in lanes[Lane.VIEW]:
        if views < VIEWS_KEPT:
            kept.append(view)
            views += len(view.rows)
    searches = lanes[Lane.SEARCH][:SEARCHES_KEPT]
    kept += searches
    kept += [v for v in lanes[Lane.QUERY_VECTOR] if int(v.key) in {s.offset for s in searches}]
    states: dict[str, UserRecord] = {}
    for state in lanes[Lane.STATE]:
        states.setdefault(state.key, state)
    kept += list(states.values())[:STATES_KEPT]
    return sorted(kept, key=lambda r: (r.time, r.offset))


def plain(records: Sequence[UserRecord]) -> list[UserRecord]:
    """Comparable: NaN equals NaN."""
    return [r._replace(value=-1.0) if math.isnan(r.value) else r for r in records]


def previous_of(found: Sequence[EventRecorded], i: int) -> tuple[Row, ...]:
    """The specification of what an engagement carries, from what stands before it in the log."""
    this = found[i]
    if this.action not in ENGAGING:
        return ()
    earlier = [
        f
        for f in found[:i]
        if f.action in ENGAGING
        and f.event.user_id == this.event.user_id
        and this.time - PREVIOUS_WITHIN_H * HOUR <= f.time <= this.time
    ]
    newest_first = sorted(earlier, key=lambda f: (f.time, f.offset), reverse=True)[:ENGAGEMENTS_KEPT]
    rows = dict.fromkeys(f.rows[0] for f in newest_first if f.rows[0] != this.rows[0])
    return tuple(rows)[:PREVIOUS_KEPT]


class TestAnyArrival:
    @settings(
        max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(arriving=arrivals, cuts=st.sets(st.integers(0, 40)), data=st.data())
    def test_batching_changes_nothing_and_history_equals_the_log(
        self,
        open_empty: Callable[[], LogStore],
        arriving: list[tuple[Micros | None, Event]],
        cuts: set[int],
        data: st.DataObject,
    ) -> None:
        together, apart = open_empty(), open_empty()
        counts = []
        for store, made in ((together, batches(arriving, set())), (apart, batches(arriving, cuts))):
            results = [store.append_events(events, received_at) for received_at, events in made]
            counts.append((sum(r.accepted for r in results), sum(r.duplicates for r in results)))
        assert counts[0] == counts[1]
        assert whole_log(together) == whole_log(apart)

        found = [fact for fact in map(decode, whole_log(apart)) if isinstance(fact, EventRecorded)]
        assert [f.previous for f in found] == [previous_of(found, i) for i in range(len(found))]
        cursor = data.draw(
            st.one_of(
                st.integers(0, 40).map(HistoryCursor.at_position),
                st.integers(0, 9).map(lambda k: HistoryCursor.before_time(NOW - k * 10 * HOUR)),
            )
        )
        for user in USERS:
            records = records_of(apart, user)
            assert plain(apart.user_history(user).records) == plain(bounded(records, HistoryCursor(2**62, 2**62)))
            at = apart.user_history(user, cursor)
            assert plain(at.records) == plain(bounded(records, cursor))
            assert at.position == min(cursor.offset, apart.position())
        together.close()
        apart.close()


class TestBusyUser:
    """One user with more of everything than is kept, and much of it late."""

    @pytest.fixture
    def store(self, store: LogStore) -> LogStore:
        rng = random.Random(7)
        events: list[Event] = []
        for n in range(4_000):
            action = rng.choice((Action.CLICK, Action.CLICK, Action.LIKE, Action.UNLIKE, Action.VIEW, Action.DWELL))
            at = NOW - rng.randrange(60 * 60) * SECOND * (48 if n % 10 == 0 else 1)
            events.append(an_event(n, "ann", action, at, f"i{rng.randrange(9 if n % 2 else 400)}", "", 1.0))
        for n in range(4_000, 4_040):
            events.append(an_event(n, "ann", Action.SEARCH, NOW - n * SECOND, "x", "", 0.0))
        for n in range(5_000, 7_300):
            events.append(an_event(n, "ann", Action.FOLLOW, NOW - (n % 50) * SECOND, f"{n % 2_200}", "", 0.0))
        rng.shuffle(events)
        sizes = sorted(rng.sample(range(1, len(events)), 40))
        for begin, end in pairwise([0, *sizes, len(events)]):
            assert store.append_events(events[begin:end], None).accepted == end - begin
        searches = [record.offset for record in records_of(store, USERS[0]) if record.lane is Lane.SEARCH]
        for offset in searches:
            assert store.land_query_vector(USERS[0], "enc", offset, np.array([0.6, 0.8], np.float32), NOW)
        return store

    def test_history_keeps_the_newest_of_each_lane(self, store: LogStore) -> None:
        records = records_of(store, USERS[0])
        middle = records[len(records) // 2]
        for cursor in (
            HistoryCursor(2**62, 2**62),
            HistoryCursor.at_position(middle.offset),
            HistoryCursor.before_time(NOW - 20 * MINUTE),
        ):
            history = store.user_history(USERS[0], cursor)
            assert plain(history.records) == plain(bounded(records, cursor))
        lanes = [r.lane for r in store.user_history(USERS[0]).records]
        assert lanes.count(Lane.ENGAGEMENT) == ENGAGEMENTS_KEPT
        assert lanes.count(Lane.SEARCH) == lanes.count(Lane.QUERY_VECTOR) == SEARCHES_KEPT
        assert lanes.count(Lane.STATE) == STATES_KEPT

    def test_engagements_carry_what_the_log_before_them_says(self, store: LogStore) -> None:
        found = [fact for fact in map(decode, whole_log(store)) if isinstance(fact, EventRecorded)]
        for i in range(0, len(found), 7):
            assert found[i].previous == previous_of(found, i)

    def test_the_profile_equals_the_fold_of_the_whole_log(self, store: LogStore) -> None:
        from_store = profile(apply(NO_HISTORY, store.user_history(USERS[0]).records), "enc")
        from_log = profile(apply(NO_HISTORY, records_of(store, USERS[0])), "enc")
        for column in fields(from_store):
            kept, whole = getattr(from_store, column.name), getattr(from_log, column.name)
            np.testing.assert_array_equal(kept, whole, err_msg=column.name)
        assert len(from_store.query_vectors) == SEARCHES_KEPT
