"""What any LogStore must do for a user: keep, choose, erase, export."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from feedrank.errors import InvalidInput
from feedrank.records import EventRecorded, Fact, UserErased, decode
from feedrank.store import HistoryCursor, LogStore, StoredSlate
from feedrank.types import (
    DAY,
    HOUR,
    SECOND,
    Action,
    Event,
    Micros,
    Personalization,
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


class TestUsers:
    def test_an_account_is_replaced_whole(self, store: LogStore) -> None:
        assert store.account(ANN).user is None
        ann = User(ANN, "da", "DK", "DK-81", {"plan": "plus"})
        assert store.append_users([ann, ann], NOW) == WriteResult(1, 1)
        assert store.append_users([ann, replace(ann, language="en"), User(UserId(""))], NOW).rejected[0].index == 2
        account = store.account(ANN)
        assert (account.user, account.personalization) == (replace(ann, language="en"), Personalization.UNSPECIFIED)

    def test_history_is_empty_for_a_stranger(self, store: LogStore) -> None:
        add(store, event("a", Action.CLICK, "x"))
        history = store.user_history(BOB)
        assert (history.records, history.position) == ((), store.position())

    def test_a_cursor_reads_the_past(self, store: LogStore) -> None:
        for i in range(4):
            add(store, event(f"e{i}", Action.CLICK, f"i{i}", NOW + i), received_at=NOW + i)
        at = store.user_history(ANN, HistoryCursor.at_position(2))
        assert ([r.offset for r in at.records], at.position) == ([1, 2], 2)
        before = store.user_history(ANN, HistoryCursor.before_time(NOW + 3))
        assert ([r.offset for r in before.records], before.position) == ([1, 2, 3], 4)

    def test_a_searchs_vector_lands_once_and_follows_its_search(self, store: LogStore) -> None:
        add(store, event("s", Action.SEARCH, query="rain"), event("c", Action.CLICK, "x"))
        values = np.array([0.6, 0.8], np.float32)
        assert store.land_query_vector(ANN, "enc", 1, values, NOW) is True
        assert store.land_query_vector(ANN, "enc", 1, values, NOW) is False
        assert store.land_query_vector(ANN, "enc2", 1, values, NOW) is True
        assert store.land_query_vector(ANN, "enc", 2, values, NOW) is False  # no search
        assert store.land_query_vector(BOB, "enc", 1, values, NOW) is False  # not Bob's
        assert store.land_query_vector(ANN, "enc", 99, values, NOW) is False
        records = store.user_history(ANN).records
        assert [(r.key, r.space) for r in records if r.space] == [("1", "enc"), ("1", "enc2")]
        with pytest.raises(InvalidInput, match="length"):
            store.land_query_vector(ANN, "enc", 1, 2 * values, NOW)


class TestPrivacy:
    def fill(self, store: LogStore, user: UserId) -> None:
        store.append_users([User(user, region="DK")], NOW)
        add(
            store,
            event("c", Action.CLICK, "x", user=user, request_id="r"),
            event("s", Action.SEARCH, user=user, query=f"query of {user}"),
            event("h", Action.HIDE, "x", user=user),
            event("f", Action.FOLLOW, user=user, target="author:jo"),
        )
        search = next(f.offset for f in event_facts(store) if f.action is Action.SEARCH and f.event.user_id == user)
        assert store.land_query_vector(user, "enc", search, np.array([1, 0], np.float32), NOW)
        assert store.append_slates([slate("r", user, NOW)]) == 1

    def test_erasure_leaves_nothing_and_refuses_what_is_older(self, store: LogStore) -> None:
        self.fill(store, ANN)
        self.fill(store, BOB)
        erasure = store.erase_user(ANN, NOW + HOUR)
        assert erasure.records_erased == 7  # account, 4 events, a query vector, a slate
        assert erasure.complete_by == NOW + HOUR + DAY
        assert store.user_history(ANN).records == ()
        assert store.account(ANN).user is None
        assert list(store.export_user(ANN)) == []
        assert all(b"ann" not in record.payload for record in store.read(0, 100))
        assert [s.user_id for s in store.slates(0, NOW + DAY)] == ["bob"]
        assert len(store.user_history(BOB).records) == 5
        old = store.append_events([event("new", Action.CLICK, "x", NOW + HOUR)], NOW + 2 * HOUR)
        assert (old.accepted, old.rejected[0].reason) == (0, "user_id was erased at the event's time or later")
        assert store.append_slates([slate("late", ANN, NOW + HOUR)]) == 0
        assert store.append_users([User(ANN)], NOW + HOUR).rejected[0].reason.startswith("user_id was erased")
        assert store.append_events([event("c", Action.CLICK, "x", NOW + 2 * HOUR)], NOW + 2 * HOUR).accepted == 1

    def test_the_erased_users_views_answer_no_click(self, store: LogStore) -> None:
        add(store, event("v", Action.VIEW, "x", request_id="r"))
        store.erase_user(ANN, NOW)
        add(store, event("c", Action.CLICK, "x", NOW + 1, request_id="r"), received_at=NOW + 1)
        assert event_facts(store)[-1].answers_view is False

    def test_erasing_again_gives_the_same_receipt(self, store: LogStore) -> None:
        self.fill(store, ANN)
        first = store.erase_user(ANN, NOW)
        again = store.erase_user(ANN, NOW + 1)
        assert (again.records_erased, again.receipt) == (0, first.receipt)
        assert store.erase_user(BOB, NOW).records_erased == 0
        erased = [fact for fact in facts(store) if isinstance(fact, UserErased)]
        assert erased[0].user_hash.hex() == first.receipt
        with pytest.raises(InvalidInput, match="user_id is empty"):
            store.erase_user(UserId(""), NOW)

    def test_offsets_are_not_reused_after_erasure(self, store: LogStore) -> None:
        add(store, event("a", Action.CLICK, "x"))
        store.erase_user(ANN, NOW)
        assert store.position() == 2
        assert [record.offset for record in store.read(0, 9)] == [2]

    def test_export_gives_everything_stored(self, store: LogStore) -> None:
        self.fill(store, ANN)
        store.set_personalization(ANN, Personalization.ON, NOW)
        rows = list(store.export_user(ANN))
        assert [row.kind for row in rows] == [
            "user", "event", "search", "event", "event", "query_vector", "personalization", "slate",
        ]  # fmt: skip
        assert all(row.time == NOW and "ann" in row.json for row in rows)
        assert "query of ann" in rows[2].json
        assert list(store.export_user(BOB)) == []

    def test_an_opted_out_users_events_count_without_the_user(self, store: LogStore) -> None:
        store.append_users([User(ANN, region="DK")], NOW)
        add(store, event("a", Action.CLICK, "x"))
        store.set_personalization(ANN, Personalization.OFF, NOW)
        add(
            store,
            event("v", Action.VIEW, "y", request_id="r"),
            event("b", Action.CLICK, "y", request_id="r"),
        )
        assert store.append_events([event("b", Action.CLICK, "y"), event("a", Action.CLICK, "x")], NOW).duplicates == 2
        click = event_facts(store)[-1]
        assert (click.event.user_id, click.previous, click.region) == ("", (), "DK")
        assert click.answers_view is True
        assert [r.offset for r in store.user_history(ANN).records] == [2]
        assert store.append_slates([slate("r", ANN, NOW)]) == 1
        (served,) = store.slates(0, NOW + 1)
        assert served.user_id == log.Slate.FromString(served.body).user_id == ""

    def test_an_opt_out_survives_erasure_and_can_be_taken_back(self, store: LogStore) -> None:
        store.set_personalization(ANN, Personalization.OFF, NOW)
        store.set_personalization(ANN, Personalization.OFF, NOW)
        assert store.position() == 1
        store.erase_user(ANN, NOW)
        assert store.account(ANN).personalization is Personalization.OFF
        add(store, event("a", Action.CLICK, "x", NOW + 1), received_at=NOW + 1)
        assert store.user_history(ANN).records == ()
        store.set_personalization(ANN, Personalization.ON, NOW + 2)
        assert store.account(ANN).personalization is Personalization.ON
        add(store, event("b", Action.CLICK, "x", NOW + 3), received_at=NOW + 3)
        assert len(store.user_history(ANN).records) == 1
        with pytest.raises(InvalidInput, match="ON"):
            store.set_personalization(ANN, Personalization.UNSPECIFIED, NOW)
