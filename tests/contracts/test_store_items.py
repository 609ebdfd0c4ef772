"""What any LogStore must do with items and their vectors."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from feedrank.content import content_hash
from feedrank.errors import InvalidInput
from feedrank.records import EventRecorded, Fact, ItemDeleted, ItemUpserted, VectorLanded, decode
from feedrank.store import LogStore, NewVector
from feedrank.types import (
    DAY,
    SECOND,
    Action,
    Event,
    Item,
    ItemId,
    Micros,
    Rejection,
    UserId,
    WriteResult,
)

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


class TestItems:
    def test_rows_are_dense_by_first_appearance_in_events_or_upserts(self, store: LogStore) -> None:
        add(store, event("a", Action.VIEW, item_ids=("p", "q")), event("b", Action.CLICK, "q"))
        store.append_items([item("r"), item("p")], NOW)
        assert store.rows_of(["p", "q", "r", "never"]) == [0, 1, 2, None]
        assert store.ids_of([2, 0, 2]) == ["r", "p", "r"]
        assert (store.rows_of([]), store.ids_of([]), store.items([])) == ([], [], [])
        with pytest.raises(InvalidInput, match="row 3"):
            store.ids_of([0, 3])

    def test_refused_and_repeated_elements_take_no_row(self, store: LogStore) -> None:
        result = store.append_items([item("bad", vectors={"s": np.array([np.nan], np.float32)}), item("good")], NOW)
        assert result.accepted == 1
        assert store.rows_of(["bad", "good"]) == [None, 0]

    def test_an_item_comes_back_as_it_was_sent(self, store: LogStore) -> None:
        whole = Item(
            ItemId("x"),
            title="Title",
            body="Body",
            category="news",
            subcategory="local",
            language="da",
            source="paper",
            author="jo",
            tags=("t", "u"),
            regions=("DK",),
            published_at=NOW - DAY,
            expires_at=NOW + DAY,
            updated_at=NOW,
            attributes={"k": "v"},
        )
        assert store.append_items([whole], NOW) == WriteResult(accepted=1)
        assert store.items([0]) == [whole]
        (fact,) = facts(store)
        assert isinstance(fact, ItemUpserted)
        assert (fact.row, fact.content_hash) == (0, content_hash(whole))

    def test_identical_content_and_older_upserts_are_duplicates(self, store: LogStore) -> None:
        new = item("x", "new", updated_at=NOW)
        assert store.append_items([new, new], NOW) == WriteResult(1, 1)
        older = item("x", "old", updated_at=NOW - SECOND)
        same_later = item("x", "new", updated_at=NOW + 5 * SECOND)
        between = item("x", "between", updated_at=NOW + 4 * SECOND)
        assert store.append_items([older, same_later, between], NOW) == WriteResult(0, 3)
        assert store.append_items([item("x", "equal", updated_at=NOW + 5 * SECOND)], NOW).accepted == 1
        assert [i and i.title for i in store.items([0])] == ["equal"]

    def test_without_updated_at_a_live_upsert_is_as_new_as_its_arrival(self, store: LogStore) -> None:
        store.append_items([item("x", "one")], NOW)
        assert store.append_items([item("x", "late", updated_at=NOW - 1)], NOW).duplicates == 1
        assert store.append_items([item("x", "two")], NOW + 1).accepted == 1

    def test_without_updated_at_an_import_is_as_new_as_its_publication(self, store: LogStore) -> None:
        assert store.append_items([item("x", "one", published_at=NOW)], None).accepted == 1
        assert store.append_items([item("x", "older", published_at=NOW - 1), item("x", "none")], None).duplicates == 2
        assert store.append_items([item("x", "newer", published_at=NOW + 1)], None).accepted == 1
        assert [record.time for record in store.read(0, 9)] == [NOW, NOW + 1]

    def test_a_deleted_item_comes_back_only_by_an_upsert(self, store: LogStore) -> None:
        store.append_items([item("x")], NOW)
        assert store.delete_items(["x", "x", "never"], NOW) == WriteResult(
            1, 1, (Rejection(2, 'item_ids[2] "never" is unknown'),)
        )
        assert store.items([0]) == [None]
        add(store, event("a", Action.CLICK, "x"))
        assert store.items([0]) == [None]
        assert store.append_items([item("x")], NOW + 1).accepted == 1
        assert store.items([0]) == [item("x")]
        assert [type(fact) for fact in facts(store)] == [ItemUpserted, ItemDeleted, EventRecorded, ItemUpserted]

    def test_an_item_known_from_events_alone_is_none_and_can_be_deleted(self, store: LogStore) -> None:
        add(store, event("a", Action.CLICK, "x"))
        assert store.items([0]) == [None]
        assert store.delete_items(["x"], NOW).accepted == 1

    def test_bad_items_are_refused_alone_and_by_name(self, store: LogStore) -> None:
        result = store.append_items([item("a"), item(""), item("b", "t" * 9_000), item("c")], NOW)
        assert (result.accepted, [r.index for r in result.rejected]) == (2, [1, 2])
        assert result.rejected[0].reason == "item_id is empty"
        assert result.rejected[1].reason.startswith("title is 9000 bytes long; at most 8192")


class TestVectors:
    def test_an_items_own_vectors_land_at_unit_length_after_it(self, store: LogStore) -> None:
        store.append_items([item("x", vectors={"mine": np.array([3.0, 4.0], np.float32)})], NOW)
        upserted, landed = facts(store)
        assert isinstance(upserted, ItemUpserted)
        assert isinstance(landed, VectorLanded)
        assert (landed.space, landed.row, landed.story_row, landed.content_hash) == (
            "mine",
            0,
            0,
            upserted.content_hash,
        )
        np.testing.assert_allclose(landed.values, [0.6, 0.8], atol=1e-3)
        stored = store.vectors("mine")
        assert (list(stored.rows), list(stored.offsets)) == ([0], [landed.offset])
        assert stored.values.tobytes() == landed.values.tobytes()

    def test_own_vectors_may_change_while_the_text_does_not(self, store: LogStore) -> None:
        for x in (1.0, 1.0, -1.0):
            store.append_items([item("x", vectors={"s": np.array([x, 0], np.float32)})], NOW)
        assert store.vectors("s").values[:, 0].tolist() == [1.0, -1.0]

    @pytest.mark.parametrize(
        ("values", "reason"),
        [
            ([1.0, math.nan], "nan at index 1"),
            ([math.inf, 1.0], "inf at index 0"),
            ([0.0, 0.0], "all zeros"),
            ([], "shape"),
            ([1.0] * 4097, "shape"),
            ([1.0, 0.0, 0.0], "3 dimensions; the space has 2"),
        ],
    )
    def test_unfit_own_vectors_are_refused_with_their_item(
        self, store: LogStore, values: list[float], reason: str
    ) -> None:
        store.append_items([item("first", vectors={"s": np.array([1, 0], np.float32)})], NOW)
        result = store.append_items([item("x", vectors={"s": np.array(values, np.float32)})], NOW)
        assert result.accepted == 0
        assert 'vectors["s"]' in result.rejected[0].reason
        assert reason in result.rejected[0].reason

    def test_vectors_land_once_per_text_and_the_latest_is_in_force(self, store: LogStore) -> None:
        store.append_items([item("x"), item("y")], NOW)
        one, two = np.eye(2, dtype=np.float32)
        first = NewVector(0, "x", b"1" * 16, one, 0)
        changed = NewVector(0, "x", b"2" * 16, two, 0)
        assert store.land_vectors("enc", [first, NewVector(1, "y", b"y" * 16, two, 0)], NOW) == 2
        assert store.land_vectors("enc", [first], NOW) == 0
        assert store.land_vectors("enc", [changed, first], NOW) == 2  # the text went there and back
        stored = store.vectors("enc")
        assert list(stored.rows) == [0, 1, 0, 0]
        assert list(store.vectors("enc", stored.offsets[1]).rows) == [0, 0]
        assert stored.values.shape == (4, 2)
        found = store.vector("enc", "x", b"2" * 16)
        assert found is not None
        assert found.tolist() == [0.0, 1.0]
        assert store.vector("enc", "x", b"3" * 16) is None
        assert store.vector("other", "x", b"2" * 16) is None
        assert len(store.vectors("other").rows) == 0

    def test_unfit_vectors_land_not_at_all(self, store: LogStore) -> None:
        store.append_items([item("x")], NOW)
        good = NewVector(0, "x", b"1" * 16, np.array([1, 0], np.float32), 0)
        for bad, reason in (
            (replace(good, row=7), "row 7"),
            (replace(good, values=np.array([2, 0], np.float32)), "length 2"),
            (replace(good, values=np.array([np.nan, 0], np.float32)), "nan"),
            (replace(good, values=np.array([1, 0, 0], np.float32)), "dimensions"),
        ):
            with pytest.raises(InvalidInput, match=reason):
                store.land_vectors("enc", [good, bad], NOW)
        assert store.position() == 1

    def test_an_imported_items_vector_lands_as_an_import_at_the_items_time(self, store: LogStore) -> None:
        store.append_items([item("x", published_at=NOW - 9 * DAY)], None)
        store.land_vectors("enc", [NewVector(0, "x", b"1" * 16, np.array([1, 0], np.float32), 0)], NOW)
        landed = store.read(1, 1)[0]
        assert (landed.imported, landed.time, landed.received_at) == (True, NOW - 9 * DAY, NOW - 9 * DAY)

    def test_learned_vectors_land_as_imports_of_the_instant_their_fit_ends(self, store: LogStore) -> None:
        store.append_items([item("x"), item("y")], NOW)
        one, two = np.eye(2, dtype=np.float32)
        first = [NewVector(0, "x", b"1" * 16, one, 0), NewVector(1, "y", b"1" * 16, two, 1)]
        assert store.land_learned("reads", first, NOW - DAY) == 2
        assert store.land_learned("reads", first, NOW - DAY) == 0
        assert store.land_learned("reads", [replace(first[0], content_hash=b"2" * 16, values=two)], NOW) == 1
        records = store.read(2, 9)
        assert [(r.imported, r.time, r.received_at) for r in records] == [
            (True, NOW - DAY, NOW - DAY),
            (True, NOW - DAY, NOW - DAY),
            (True, NOW, NOW),
        ]
        assert list(store.vectors("reads").rows) == [0, 1, 0]

    def test_unfit_learned_vectors_land_not_at_all(self, store: LogStore) -> None:
        store.append_items([item("x")], NOW)
        good = NewVector(0, "x", b"1" * 16, np.array([1, 0], np.float32), 0)
        with pytest.raises(InvalidInput, match="row 7"):
            store.land_learned("reads", [good, replace(good, row=7)], NOW)
        assert store.position() == 1
