"""What may be sent and what may not, and whether a refusal says why."""

import math
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedrank.content import event_to_pb, item_to_pb, user_to_pb
from feedrank.limits import event_fault, instant, item_fault, shown, user_fault, vector_fault
from feedrank.types import DAY, MINUTE, SECOND, Action, Event, Item, ItemId, Micros, User, UserId

NOW: Micros = 1_700_000_000 * SECOND
CLICK = Event("e", UserId("u"), NOW, Action.CLICK, "x")
VIEW = replace(CLICK, action=Action.VIEW)
SEARCH = replace(CLICK, action=Action.SEARCH, item_id="", query="rain")
FOLLOW = replace(CLICK, action=Action.FOLLOW, item_id="", target="author:jo")
DWELL = replace(CLICK, action=Action.DWELL, value=3.0)
ITEM = Item(ItemId("x"), "Title")


@pytest.mark.parametrize(
    "event",
    [
        CLICK,
        VIEW,
        SEARCH,
        FOLLOW,
        DWELL,
        replace(CLICK, event_id="e" * 256, user_id=UserId("ø" * 128)),
        replace(CLICK, time=NOW + 10 * MINUTE),
        replace(CLICK, time=946_684_800 * SECOND),
        replace(CLICK, value=-3.0, position=1),
        replace(CLICK, position=100_000),
        replace(VIEW, item_id="", item_ids=tuple(f"i{n}" for n in range(500))),
        replace(DWELL, value=0.0),
        replace(SEARCH, query="r" * 1024),
        replace(FOLLOW, target="category:krimi og retssager"),
        replace(FOLLOW, action=Action.UNFOLLOW, target="source:x:y"),
    ],
)
def test_sound_events_pass(event: Event) -> None:
    assert event_fault(event, NOW, 600) is None


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (replace(CLICK, event_id=""), "event_id is empty"),
        (replace(CLICK, user_id=UserId("")), "user_id is empty"),
        (replace(CLICK, event_id="e" * 257), "event_id is 257 bytes long; at most 256, it begins"),
        (replace(CLICK, user_id=UserId("ø" * 129)), "user_id is 258 bytes long; at most 256"),
        (replace(CLICK, item_id="a\0b"), "item_id holds a NUL character at 1"),
        (replace(CLICK, session_id="a\ud800"), "session_id is not Unicode text: a lone surrogate at character 1"),
        (replace(CLICK, request_id="r" * 300), "request_id is 300 bytes"),
        (replace(CLICK, surface="s" * 300), "surface is 300 bytes"),
        (replace(CLICK, item_id=""), "item_id is missing; CLICK is about an item"),
        (replace(CLICK, time=0), "time is missing"),
        (replace(CLICK, time=946_684_800 * SECOND - 1), "time 1999-12-31T23:59:59Z lies before 2000-01-01"),
        (replace(CLICK, time=-5), "time 1969-12-31T23:59:59Z lies before"),
        (replace(CLICK, time=NOW * 1000), "is the unit right?"),
        (replace(CLICK, time=2**70), f"time {2**70} us lies after"),
        (replace(CLICK, time=NOW + 601 * SECOND), "time 2023-11-14T22:23:21Z is more than 600 s ahead"),
        (replace(CLICK, action=cast(Action, 0)), "action 0 is unknown; send 1 to 13"),
        (replace(CLICK, action=cast(Action, 99)), "action 99 is unknown"),
        (replace(CLICK, value=math.nan), "value nan is not a finite 32-bit number"),
        (replace(CLICK, value=math.inf), "value inf is not"),
        (replace(CLICK, value=1e39), "value 1e+39 is not"),
        (replace(CLICK, position=0), "position 0 lies outside 1..100000"),
        (replace(CLICK, position=2**31), "position 2147483648 lies outside"),
        (replace(CLICK, item_ids=("a",)), "item_ids belong to a VIEW; CLICK takes item_id"),
        (replace(VIEW, item_ids=("a",)), "item_id and item_ids are both given"),
        (replace(VIEW, item_id="", item_ids=("a",) * 501), "item_ids holds 501 ids; at most 500"),
        (replace(VIEW, item_id="", item_ids=("a", "")), "item_ids[1] is empty"),
        (replace(DWELL, value=None), "value None of a DWELL must be its seconds"),
        (replace(DWELL, value=-1.0), "value -1.0 of a DWELL must be its seconds, 0 or more"),
        (replace(SEARCH, query=" \t"), "query is empty; SEARCH needs one"),
        (replace(SEARCH, query="r" * 1025), "query is 1025 bytes long; at most 1024"),
        (replace(FOLLOW, target="jo"), 'target "jo" must be "author:x", "category:y" or "source:z"'),
        (replace(FOLLOW, target="author: "), 'target "author: " must be'),
        (replace(FOLLOW, target="user:jo"), 'target "user:jo" must be'),
        (replace(FOLLOW, target="author:" + "j" * 300), "target is 307 bytes"),
    ],
)
def test_unsound_events_are_refused_naming_field_and_value(event: Event, reason: str) -> None:
    fault = event_fault(event, NOW, 600)
    assert fault is not None
    assert reason in fault


def test_a_refusal_never_quotes_a_query() -> None:
    assert "secret" not in str(event_fault(replace(SEARCH, query="secret " * 200), NOW, 600))


def test_an_imports_times_meet_no_clock() -> None:
    assert event_fault(replace(CLICK, time=NOW + 999 * DAY), None, 600) is None
    assert event_fault(replace(CLICK, time=NOW * 1000), None, 600) is not None


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (replace(ITEM, item_id=ItemId("")), "item_id is empty"),
        (replace(ITEM, title="t" * 10_000_000), "title is 10000000 bytes long; at most 8192"),
        (replace(ITEM, body="b" * 1_048_577), "body is 1048577 bytes long"),
        (replace(ITEM, category="\ud800"), "category is not Unicode"),
        (replace(ITEM, tags=("ok", "")), "tags[1] is empty"),
        (replace(ITEM, tags=("t",) * 201), "tags holds more than 200"),
        (replace(ITEM, regions=("r" * 257,)), "regions[0] is 257 bytes"),
        (replace(ITEM, published_at=-1), "published_at"),
        (replace(ITEM, expires_at=2**62), "expires_at"),
        (replace(ITEM, updated_at=NOW + 11 * MINUTE), "updated_at 2023-11-14T22:24:20Z is more than 600 s ahead"),
        (replace(ITEM, attributes={"k": "v" * 5_000}), 'attributes["k"] is 5000 bytes'),
        (replace(ITEM, attributes={"": "v"}), "a key of attributes is empty"),
        (replace(ITEM, attributes={str(n): "" for n in range(101)}), "attributes holds 101 entries"),
        (replace(ITEM, vectors={"": np.ones(2, np.float32)}), "a space of vectors is empty"),
        (replace(ITEM, vectors={"s": np.zeros(2, np.float32)}), 'vectors["s"] is all zeros'),
        (replace(ITEM, vectors={str(n): np.ones(1, np.float32) for n in range(17)}), "vectors holds 17 spaces"),
    ],
)
def test_unsound_items_are_refused_naming_field_and_value(item: Item, reason: str) -> None:
    fault = item_fault(item, NOW, 600)
    assert fault is not None
    assert reason in fault
    assert len(fault) < 200


def test_sound_items_and_users_pass() -> None:
    whole = replace(
        ITEM, tags=("a",) * 200, published_at=1, updated_at=NOW, vectors={"s": np.full(4096, 1e38, np.float32)}
    )
    assert item_fault(whole, NOW, 600) is None
    assert item_fault(replace(whole, updated_at=NOW + DAY), None, 600) is None
    assert user_fault(User(UserId("u"), "da", "DK", "DK-81", {"k": "v"})) is None


def test_unsound_users_are_refused() -> None:
    assert user_fault(User(UserId(""))) == "user_id is empty"
    assert str(user_fault(User(UserId("u"), region="r" * 257))).startswith("region is 257 bytes")
    assert "attributes" in str(user_fault(User(UserId("u"), attributes={"k": "\0"})))


@pytest.mark.parametrize("shape", [(0,), (4097,), (2, 2), ()])
def test_vectors_have_one_axis_of_fitting_length(shape: tuple[int, ...]) -> None:
    assert "shape" in str(vector_fault(np.ones(shape, np.float32)))


odd_text = st.one_of(st.text(max_size=300), st.text(st.characters(categories=["Cs", "Cc"]), max_size=5))


@settings(derandomize=True, max_examples=300)
@given(
    event=st.builds(
        Event,
        odd_text,
        odd_text.map(UserId),
        st.integers(),
        st.integers(-1, 20),
        odd_text,
        st.one_of(st.none(), st.floats()),
        odd_text,
        st.one_of(st.none(), st.integers()),
        odd_text,
        odd_text,
        odd_text,
        st.lists(odd_text, max_size=3).map(tuple),
        odd_text,
    )
)
def test_what_passes_can_be_encoded_and_nothing_raises(event: Event) -> None:
    if event_fault(event, None, 600) is None:
        assert event_to_pb(event).SerializeToString()


odd_texts = st.lists(odd_text, max_size=3).map(tuple)
odd_maps = st.dictionaries(odd_text, odd_text, max_size=2)


@settings(derandomize=True)
@given(
    item=st.builds(
        Item,
        odd_text.map(ItemId),
        title=odd_text,
        body=odd_text,
        category=odd_text,
        tags=odd_texts,
        regions=odd_texts,
        published_at=st.integers(),
        updated_at=st.integers(),
        attributes=odd_maps,
    ),
    user=st.builds(User, odd_text.map(UserId), language=odd_text, region=odd_text, attributes=odd_maps),
)
def test_items_and_users_that_pass_can_be_encoded(item: Item, user: User) -> None:
    if item_fault(item, NOW, 600) is None:
        assert item_to_pb(item).SerializeToString()
    if user_fault(user) is None:
        assert user_to_pb(user).SerializeToString()


def test_quoted_values_are_cut_and_printable() -> None:
    assert shown("a\nb") == '"a\\nb"'
    assert shown("x" * 100) == '"' + "x" * 40 + '…"'
    assert shown("\ud800") == '"\\ud800"'
    assert instant(NOW) == "2023-11-14T22:13:20Z"
    assert instant(2**63) == f"{2**63} us"
