"""Domain records survive their messages, and the content hash follows the text alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedrank.content import (
    content_hash,
    event_from_pb,
    event_to_pb,
    from_timestamp,
    item_from_pb,
    item_to_pb,
    to_timestamp,
    user_from_pb,
    user_to_pb,
)
from feedrank.types import Action, Event, Item, ItemId, User, UserId
from feedrank.v1 import feedrank_pb2 as pb

text = st.text(max_size=20)
times = st.integers(0, 253_402_300_799_999_999)
texts = st.lists(text, max_size=3).map(tuple)
maps = st.dictionaries(text, text, max_size=3)


@settings(derandomize=True)
@given(
    st.builds(Item, text.map(ItemId), text, text, text, text, text, text, text, texts, texts, times, times, times, maps)
)
def test_items_come_back(item: Item) -> None:
    assert item_from_pb(pb.Item.FromString(item_to_pb(item).SerializeToString())) == item


def test_an_items_vectors_come_back() -> None:
    values = np.array([0.1, -2.5], np.float32)
    back = item_from_pb(item_to_pb(Item(ItemId("x"), vectors={"s": values})))
    assert back.vectors["s"].dtype == np.float32
    assert back.vectors["s"].tolist() == values.tolist()


@settings(derandomize=True)
@given(st.builds(User, text.map(UserId), text, text, text, maps))
def test_users_come_back(user: User) -> None:
    assert user_from_pb(pb.User.FromString(user_to_pb(user).SerializeToString())) == user


@settings(derandomize=True)
@given(
    st.builds(
        Event,
        text,
        text.map(UserId),
        times,
        st.sampled_from(Action),
        text,
        st.one_of(st.none(), st.floats(width=32, allow_nan=False)),
        text,
        st.one_of(st.none(), st.integers(0, 2**32 - 1)),
        text,
        text,
        text,
        texts,
        text,
    )
)
def test_events_come_back(event: Event) -> None:
    assert event_from_pb(pb.Event.FromString(event_to_pb(event).SerializeToString())) == event


@pytest.mark.parametrize("number", [0, 14, 99])
def test_an_unknown_action_stays_its_number(number: int) -> None:
    message = pb.Event.FromString(bytes([5 << 3, number]))
    assert int(event_from_pb(message).action) == number


def test_an_absent_time_is_zero_and_finer_parts_are_cut() -> None:
    assert from_timestamp(pb.Event().time) == 0
    assert not item_to_pb(Item(ItemId("x"))).HasField("published_at")
    stamp = to_timestamp(1_500_001)
    assert (stamp.seconds, stamp.nanos) == (1, 500_001_000)
    stamp.nanos += 999
    assert from_timestamp(stamp) == 1_500_001


def test_the_content_hash_follows_title_and_body_alone() -> None:
    item = Item(ItemId("x"), "Title", "Body")
    assert len(content_hash(item)) == 16
    assert content_hash(item) == content_hash(replace(item, category="other", item_id=ItemId("y")))
    assert content_hash(item) != content_hash(replace(item, body="Other"))
    assert content_hash(item) != content_hash(replace(item, title="TitleBody", body=""))
