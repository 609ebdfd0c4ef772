"""What any LogStore must do with slates, and with age."""

from collections.abc import Callable
from dataclasses import replace

from feedrank.records import EventRecorded, Fact, decode
from feedrank.settings import DataSettings
from feedrank.store import LogStore, StoredSlate
from feedrank.store.data_settings import load_data_settings, save_data_settings
from feedrank.types import (
    DAY,
    MINUTE,
    SECOND,
    Action,
    Event,
    Item,
    ItemId,
    Micros,
    User,
    UserId,
    WriteResult,
)
from feedrank.v1 import log_pb2 as log

NOW: Micros = 1_700_000_000 * SECOND
ANN, BOB = UserId("ann"), UserId("bob")

Opener = Callable[..., LogStore]


def event(
    event_id: str, action: Action, item_id: str = "", at: Micros = NOW, user: UserId = ANN, **more: object
) -> Event:
    return replace(Event(event_id, user, at, action, item_id), **more)  # type: ignore[arg-type]


def item(item_id: str, title: str = "", **more: object) -> Item:
    return replace(Item(ItemId(item_id), title or f"About {item_id}"), **more)  # type: ignore[arg-type]


def facts(store: LogStore) -> list[Fact]:
    decoded = [decode(record) for record in store.read(0, 10_000)]
    assert None not in decoded
    return [fact for fact in decoded if fact is not None]


def event_facts(store: LogStore) -> list[EventRecorded]:
    return [fact for fact in facts(store) if isinstance(fact, EventRecorded)]


def add(store: LogStore, *events: Event, received_at: Micros | None = NOW) -> None:
    assert store.append_events(events, received_at) == WriteResult(accepted=len(events))


def slate(request_id: str, user: str, at: Micros, rows: list[int] | None = None) -> StoredSlate:
    shown = rows or []
    body = log.Slate(request_id=request_id, user_id=user, now_us=at, candidate_rows=shown, shown=range(len(shown)))
    return StoredSlate(request_id, user, at, body.SerializeToString())


class TestSlates:
    def test_slates_come_back_in_order_of_time(self, store: LogStore) -> None:
        kept = [slate(f"r{i}", ("ann", "", "bob")[i % 3], NOW + (7 * i % 500)) for i in range(500)]
        assert store.append_slates(kept) == 500
        assert [(s.time, s.request_id) for s in store.slates(NOW, NOW + 400)] == sorted(
            (s.time, s.request_id) for s in kept if s.time < NOW + 400
        )
        assert {s.request_id: s for s in store.slates(0, NOW + DAY)} == {s.request_id: s for s in kept}

    def test_a_repeated_request_is_one_slate(self, store: LogStore) -> None:
        first = slate("r", ANN, NOW)
        assert store.append_slates([first, replace(first, time=NOW + 9 * MINUTE)]) == 1
        assert store.append_slates([first, slate("r", BOB, NOW), slate("r", ANN, NOW + 11 * MINUTE)]) == 2

    def test_served_counts_as_seen_only_where_the_data_says_so(self, store: LogStore) -> None:
        add(store, event("a", Action.LIKE, "x"), event("b", Action.LIKE, "y"))
        store.append_slates([slate("before", ANN, NOW, [0, 1])])
        assert load_data_settings(store) == DataSettings()
        save_data_settings(store, DataSettings(served_counts_as_seen=True))
        assert load_data_settings(store).served_counts_as_seen is True
        store.append_slates([slate("after", ANN, NOW, [0, 1])])
        add(
            store, event("c", Action.CLICK, "y", request_id="before"), event("d", Action.CLICK, "y", request_id="after")
        )
        assert [f.answers_view for f in event_facts(store)[2:]] == [False, True]


class TestRetention:
    def test_old_slates_and_events_go_and_current_state_stays(self, store: LogStore) -> None:
        store.append_items([item("x")], NOW)
        store.append_users([User(BOB, region="DK")], NOW)
        add(store, event("before", Action.UNFOLLOW, target="author:jo"))
        add(store, event("f", Action.FOLLOW, target="author:jo"), event("g", Action.FOLLOW, target="author:al"))
        add(store, event("c", Action.CLICK, "x"), event("s", Action.SEARCH, user=BOB, query="rain"))
        add(store, event("e", Action.CLICK, "x", user=UserId("eve")))
        store.append_slates([slate("r", ANN, NOW), slate("later", ANN, NOW + 10 * DAY)])
        later = NOW + 20 * DAY
        add(store, event("u", Action.UNFOLLOW, at=later, target="author:al"), received_at=later)
        position = store.position()

        assert store.prune(NOW + 15 * DAY) == 1
        assert [s.request_id for s in store.slates(0, later)] == ["later"]
        assert store.prune(NOW + 91 * DAY) == 6  # a slate, two superseded states, two clicks, a search

        assert store.position() == position
        assert [fact.event.event_id for fact in event_facts(store)] == ["f", "u"]
        assert [r.key for r in store.user_history(ANN).records] == ["author:jo", "author:al"]
        assert store.user_history(BOB).records == ()
        assert store.account(BOB).user == User(BOB, region="DK")
        assert store.items([0]) == [item("x")]
        assert list(store.export_user(UserId("eve"))) == []
        assert store.prune(NOW + 91 * DAY) == 0

    def test_imported_events_age_with_the_live_records_after_them(self, store: LogStore) -> None:
        add(store, event("old", Action.CLICK, "x", NOW - 900 * DAY), received_at=None)
        assert store.prune(NOW) == 0
        add(store, event("live", Action.CLICK, "x"))
        assert store.prune(NOW + 80 * DAY) == 0
        assert store.prune(NOW + 91 * DAY) == 2
