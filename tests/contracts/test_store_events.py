"""What any LogStore must do with events: each once, in order, and knowing what came before."""

from collections.abc import Callable
from dataclasses import replace

from feedrank.records import EventRecorded, Fact, decode
from feedrank.settings import Settings
from feedrank.store import LogStore
from feedrank.types import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Action,
    Event,
    Micros,
    User,
    UserId,
    WriteResult,
)
from feedrank.v1 import feedrank_pb2 as pb

NOW: Micros = 1_700_000_000 * SECOND
ANN, BOB = UserId("ann"), UserId("bob")

Opener = Callable[..., LogStore]


def event(
    event_id: str, action: Action, item_id: str = "", at: Micros = NOW, user: UserId = ANN, **more: object
) -> Event:
    return replace(Event(event_id, user, at, action, item_id), **more)  # type: ignore[arg-type]


def facts(store: LogStore) -> list[Fact]:
    decoded = [decode(record) for record in store.read(0, 10_000)]
    assert None not in decoded
    return [fact for fact in decoded if fact is not None]


def event_facts(store: LogStore) -> list[EventRecorded]:
    return [fact for fact in facts(store) if isinstance(fact, EventRecorded)]


def add(store: LogStore, *events: Event, received_at: Micros | None = NOW) -> None:
    assert store.append_events(events, received_at) == WriteResult(accepted=len(events))


class TestEvents:
    def test_an_event_id_counts_once_per_user(self, store: LogStore) -> None:
        click = event("same", Action.CLICK, "x")
        again = event("same", Action.LIKE, "y", NOW - HOUR)
        assert store.append_events([click, again], NOW) == WriteResult(1, 1)
        assert store.append_events([again, event("same", Action.CLICK, "x", user=BOB)], NOW) == WriteResult(1, 1)

    def test_the_horizon_bounds_how_long_an_id_is_remembered(self, open_store: Opener) -> None:
        store = open_store(Settings(event_id_horizon_days=7))
        add(store, event("a", Action.CLICK, "x"))
        assert store.append_events([event("a", Action.CLICK, "x")], NOW + 7 * DAY).duplicates == 1
        assert store.append_events([event("a", Action.CLICK, "x", NOW + 8 * DAY)], NOW + 8 * DAY).accepted == 1
        store.close()

    def test_importing_a_file_again_adds_nothing(self, store: LogStore) -> None:
        batch = [event(f"e{i}", Action.CLICK, "x", NOW - i * 30 * DAY) for i in range(20)]
        assert store.append_events(batch, None).accepted == 20
        assert store.append_events(batch[::-1], None) == WriteResult(0, 20)

    def test_the_valid_part_of_a_batch_lands_and_the_rest_is_named(self, store: LogStore) -> None:
        batch = [
            event("a", Action.CLICK, "x"),
            event("", Action.CLICK, "x"),
            event("b", Action.SEARCH),
            event("c", Action.CLICK, "x", NOW + 11 * MINUTE),
            event("d", Action.VIEW, "x"),
        ]
        result = store.append_events(batch, NOW)
        assert result.accepted == 2
        assert [r.index for r in result.rejected] == [1, 2, 3]
        assert "event_id" in result.rejected[0].reason
        assert "query" in result.rejected[1].reason
        assert "time 2023-11-14T22:24:20Z" in result.rejected[2].reason

    def test_what_was_sent_is_what_is_stored(self, store: LogStore) -> None:
        sent = event(
            "e", Action.CLICK, "x", NOW + MINUTE, value=0.1, request_id="r", position=3, session_id="s", surface="home"
        )
        add(store, sent)
        (fact,) = event_facts(store)
        assert fact.time == NOW  # the earlier of the client's and the server's
        assert fact.event == pb.Event(
            event_id="e",
            user_id="ann",
            time={"seconds": (NOW + MINUTE) // SECOND},
            item_id="x",
            action=pb.ACTION_CLICK,
            value=0.1,
            request_id="r",
            position=3,
            session_id="s",
            surface="home",
        )

    def test_engagements_carry_the_previous_distinct_other_items_newest_first(self, store: LogStore) -> None:
        for i, name in enumerate("abcdefag"):
            add(store, event(f"e{i}", Action.CLICK, name, NOW + i * SECOND), received_at=NOW + i * SECOND)
        found = event_facts(store)
        rows = {f.event.item_id: f.rows[0] for f in found}
        assert found[0].previous == ()
        assert found[6].previous == tuple(rows[name] for name in "fedcb")  # a again: itself is left out
        assert found[7].previous == tuple(rows[name] for name in "afedc")

    def test_previous_items_are_bounded_in_time_and_kind(self, store: LogStore) -> None:
        add(store, event("old", Action.CLICK, "old", NOW - 49 * HOUR), received_at=None)
        add(store, event("kept", Action.LIKE, "kept", NOW - 47 * HOUR), received_at=None)
        add(store, event("later", Action.SAVE, "later", NOW + HOUR), received_at=None)
        add(store, event("v", Action.VIEW, "viewed", NOW - HOUR), event("u", Action.UNLIKE, "unliked", NOW - HOUR))
        add(store, event("other", Action.CLICK, "bobs", NOW - HOUR, BOB))
        add(store, event("now", Action.CLICK, "now"))
        assert event_facts(store)[-1].previous == tuple(r for r in store.rows_of(["kept"]))

    def test_a_click_answers_a_view_of_the_same_request_that_came_before(self, store: LogStore) -> None:
        add(store, event("v", Action.VIEW, item_ids=("a", "b"), request_id="r"))
        add(
            store,
            event("1", Action.CLICK, "a", request_id="r"),
            event("2", Action.CLICK, "c", request_id="r"),
            event("3", Action.CLICK, "a", request_id="other"),
            event("4", Action.CLICK, "a"),
            event("5", Action.CLICK, "a", user=BOB, request_id="r"),
        )
        assert [f.answers_view for f in event_facts(store)] == [False, True, False, False, False, False]

    def test_a_view_that_comes_late_carries_the_clicks_that_waited(self, store: LogStore) -> None:
        add(
            store,
            event("1", Action.CLICK, "a", NOW + SECOND, request_id="r"),
            event("2", Action.CLICK, "b", request_id="r"),
        )
        add(store, event("v", Action.VIEW, item_ids=("x", "a"), request_id="r"))
        add(store, event("w", Action.VIEW, "a", request_id="r"), event("3", Action.CLICK, "a", request_id="r"))
        found = event_facts(store)
        a = found[0].rows[0]
        assert [f.late_clicks for f in found] == [(), (), ((a, NOW),), (), ()]
        assert [f.answers_view for f in found] == [False, False, False, False, True]

    def test_a_request_is_answered_within_a_day(self, store: LogStore) -> None:
        add(store, event("v", Action.VIEW, "a", request_id="r"))
        later = NOW + DAY + HOUR
        add(store, event("c", Action.CLICK, "a", later, request_id="r"), received_at=later)
        assert event_facts(store)[-1].answers_view is False
        add(store, event("old", Action.CLICK, "a", NOW - 2 * DAY, request_id="r"), received_at=None)
        assert event_facts(store)[-1].answers_view is False

    def test_the_users_region_is_noted(self, store: LogStore) -> None:
        store.append_users([User(ANN, region="DK-81")], NOW)
        add(store, event("a", Action.CLICK, "x"), event("b", Action.CLICK, "x", user=BOB))
        assert [f.region for f in event_facts(store)] == ["DK-81", ""]


def test_an_import_from_the_future_is_refused(store) -> None:
    """One such record would move every decayed sum's landmark and make all others faint."""
    far = Event("far", UserId("u"), 4_000_000_000 * SECOND, Action.CLICK, "i")  # in the year 2096
    result = store.append_events([far], None)
    assert result.accepted == 0 and "ahead" in result.rejected[0].reason
