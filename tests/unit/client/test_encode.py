"""Requests as the client makes them: ids made once, large writes cut to size, nothing the wire cannot carry."""

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedrank.client import asks, decode, encode
from feedrank.errors import InvalidInput
from feedrank.pipeline.feed import RankCall
from feedrank.pipeline.stages import RequestFilter
from feedrank.types import Action, Context, Event, Item, ItemId, Personalization, Rejection, User, UserId, WriteResult
from feedrank.v1 import feedrank_pb2 as pb


def event(event_id: str = "", time: int = 0) -> Event:
    return Event(event_id, UserId("u1"), time, Action.CLICK, "a")


def test_a_request_id_is_made_where_there_is_none() -> None:
    call = RankCall(user_id="u1")
    first, second = encode.identified(call), encode.identified(call)
    assert first.request_id and second.request_id and first.request_id != second.request_id
    assert dataclasses.replace(first, request_id="") == call
    assert encode.identified(first) is first


def test_an_event_is_given_the_id_and_the_time_it_lacks() -> None:
    first, second = encode.dated(event()), encode.dated(event())
    assert first.event_id and first.event_id != second.event_id and first.time > 1_600_000_000_000_000
    assert encode.dated(event("e1", 5)) == event("e1", 5)
    assert encode.dated(event("e1")).event_id == "e1" and encode.dated(event(time=5)).time == 5


def test_the_next_page_is_a_request_of_its_own() -> None:
    call = RankCall(user_id="u1", limit=7, request_id="r1")
    following = encode.next_page(call, "token")
    assert (following.page_token, following.user_id, following.limit) == ("token", "u1", 7)
    assert following.request_id not in ("", "r1")


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 10), st.integers(1, 120))
def test_batches_hold_everything_in_order_and_keep_to_their_bounds(
    sizes: list[int], most: int, most_bytes: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "BATCH_ELEMENTS", most)
        patch.setattr(encode, "BATCH_BYTES", most_bytes)
        items = [Item(ItemId(f"i{i}"), title="x" * size) for i, size in enumerate(sizes)]
        batches = encode.items(items)
    sent: list[str] = []
    for batch in batches:
        assert isinstance(batch.request, pb.UpsertItemsRequest)
        assert batch.start == len(sent)
        assert 1 <= len(batch.request.items) <= most
        size = sum(item.ByteSize() for item in batch.request.items)
        assert size <= most_bytes or len(batch.request.items) == 1
        sent += [item.item_id for item in batch.request.items]
    assert sent == [item.item_id for item in items]


def test_every_kind_of_write_is_cut_to_what_the_service_takes() -> None:
    assert [b.start for b in encode.items([Item(ItemId("a"))] * 2_001)] == [0, 1_000, 2_000]
    assert [b.start for b in encode.users([User(UserId("a"))] * 1_001)] == [0, 1_000]
    assert [b.start for b in encode.deletions(["a"] * 1_001)] == [0, 1_000]
    assert [b.start for b in encode.events([event()] * 5_001)] == [0, 5_000]
    assert encode.items([]) == [] and encode.deletions([]) == []


def test_results_of_batches_add_up_to_that_of_the_whole_write() -> None:
    first = decode.written(pb.WriteSummary(accepted=998, duplicates=1, rejected=[pb.Rejection(index=3, reason="x")]), 0)
    second = decode.written(pb.WriteSummary(accepted=4, rejected=[pb.Rejection(index=1, reason="y")]), 1_000)
    assert decode.merged([first, second]) == WriteResult(1_002, 1, (Rejection(3, "x"), Rejection(1_001, "y")))
    assert decode.merged([]) == WriteResult()


def test_an_element_that_no_request_can_hold_stops_the_write_before_anything_is_sent() -> None:
    items = [Item(ItemId("a"))] * 1_000 + [Item(ItemId("b"), body="x" * encode.MAX_MESSAGE_BYTES)]
    with pytest.raises(InvalidInput, match="element 1000 is 83886"):
        asks.upsert_items(items)


UNCARRIED: dict[str, tuple[Callable[[], object], str]] = {
    "user of a rank": (lambda: asks.rank(RankCall(user_id="\ud800")), "the request"),
    "negative limit": (lambda: asks.rank(RankCall(limit=-1)), "the request"),
    "huge limit": (lambda: asks.rank(RankCall(limit=2**32)), "the request"),
    "huge age": (lambda: asks.rank(RankCall(filter=RequestFilter(max_age=2**90))), "the request"),
    "item of a debug": (lambda: asks.debug(RankCall(), "\ud800"), "item_id"),
    "region": (lambda: asks.similar_items("a", 20, RequestFilter(), Context(region="\ud800")), "the request"),
    "title": (lambda: asks.upsert_items([Item(ItemId("a")), Item(ItemId("b"), title="\udfff")]), "element 1"),
    "position": (lambda: asks.record_events([dataclasses.replace(event(), position=-1)]), "element 0"),
    "time": (lambda: asks.record_events([event(time=2**90)]), "element 0"),
    "deleted id": (lambda: asks.delete_items(["\ud800"]), "item_ids"),
    "erased user": (lambda: asks.erase_user("\ud800"), "user_id"),
    "exported user": (lambda: asks.export_user("\ud800"), "user_id"),
    "choosing user": (lambda: asks.set_personalization("\ud800", Personalization.ON), "user_id"),
    "model": (lambda: asks.activate_model("\ud800"), "model"),
    "name": (lambda: asks.rollback_model("\ud800"), "name"),
}


@pytest.mark.parametrize("case", UNCARRIED)
def test_what_the_wire_cannot_carry_is_refused_by_name(case: str) -> None:
    make, named = UNCARRIED[case]
    with pytest.raises(InvalidInput, match=f"^{named} cannot be sent"):
        make()
