"""Field limits, each refused with the field's name and the value; and batches whose faulty elements are named."""

from collections.abc import Callable, Sequence

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from feedrank.client import decode, encode
from feedrank.errors import InvalidInput
from feedrank.pipeline.feed import Contribution, Explanation, Feed, FeedItem, RankCall
from feedrank.pipeline.paging import MAX_TOKEN
from feedrank.pipeline.stages import RequestFilter
from feedrank.server import replies, requests
from feedrank.types import DAY, Context, Personalization, Rejection, WriteResult
from feedrank.v1 import feedrank_pb2 as pb

LONG = "x" * 257


@pytest.mark.parametrize(
    ("request_", "named", "value"),
    [
        (pb.RankRequest(limit=0), "limit", "0"),
        (pb.RankRequest(limit=201), "limit", "201"),
        (pb.RankRequest(limit=1_000_000_000), "limit", "1000000000"),
        (pb.RankRequest(user_id=LONG), "user_id", "257"),
        (pb.RankRequest(user_id="é" * 129), "user_id", "258"),
        (pb.RankRequest(user_id="a\0b"), "user_id", "NUL"),
        (pb.RankRequest(surface=LONG), "surface", "257"),
        (pb.RankRequest(request_id=LONG), "request_id", "257"),
        (pb.RankRequest(page_token="x" * (MAX_TOKEN + 1)), "page_token", str(MAX_TOKEN + 1)),
        (pb.RankRequest(context=pb.Context(region=LONG)), "context.region", "257"),
        (pb.RankRequest(candidate_ids=["a"] * 2_001), "candidate_ids", "2001"),
        (pb.RankRequest(candidate_ids=["a", ""]), "candidate_ids[1]", "empty"),
        (pb.RankRequest(filter=pb.Filter(exclude_item_ids=["a"] * 2_001)), "filter.exclude_item_ids", "2001"),
        (pb.RankRequest(filter=pb.Filter(include_categories=["a"] * 501)), "filter.include_categories", "501"),
        (pb.RankRequest(filter=pb.Filter(exclude_categories=["a"] * 501)), "filter.exclude_categories", "501"),
        (pb.RankRequest(filter=pb.Filter(languages=["a"] * 501)), "filter.languages", "501"),
        (pb.RankRequest(filter=pb.Filter(exclude_sources=["a"] * 501)), "filter.exclude_sources", "501"),
        (pb.RankRequest(filter=pb.Filter(exclude_sources=["a", LONG])), "filter.exclude_sources[1]", "257"),
        (pb.RankRequest(filter=pb.Filter(max_age=Duration(seconds=-1))), "filter.max_age", "-1"),
        (pb.RankRequest(filter=pb.Filter(max_age=Duration())), "filter.max_age", "0"),
        (pb.RankRequest(filter=pb.Filter(max_age=Duration(seconds=2**62))), "filter.max_age", "4.6"),
        (pb.RankRequest(filter=pb.Filter(max_age=Duration(seconds=1, nanos=-1))), "filter.max_age", "-1 ns"),
        (pb.RankRequest(filter=pb.Filter(max_age=Duration(nanos=2_000_000_000))), "filter.max_age", "2000000000"),
        (pb.RankRequest(personalization=7), "personalization", "7"),  # type: ignore[arg-type]
        (pb.RankRequest(experiment_overrides={LONG: "b"}), "a key of experiment_overrides", "257"),
        (pb.RankRequest(experiment_overrides={"exp": LONG}), "experiment_overrides", "257"),
        (pb.RankRequest(experiment_overrides={str(i): "b" for i in range(51)}), "experiment_overrides", "51"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_field_beyond_its_limit_is_named_with_its_value(request_: pb.RankRequest, named: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        requests.rank_call(request_)
    assert named in str(refused.value) and value in str(refused.value)
    with pytest.raises(InvalidInput, match=r"request\."):
        requests.debug_call(pb.DebugRequest(request=request_, item_id="a"))


def test_limits_themselves_are_allowed() -> None:
    call = requests.rank_call(
        pb.RankRequest(
            user_id="é" * 128,
            limit=200,
            candidate_ids=["a"] * 2_000,
            filter=pb.Filter(
                exclude_item_ids=["a"] * 2_000, languages=["da"] * 500, max_age=Duration(seconds=100 * 365 * 86_400)
            ),
        )
    )
    assert (call.limit, len(call.candidate_ids), len(call.filter.exclude_item_ids)) == (200, 2_000, 2_000)
    assert call.filter.max_age == 100 * 365 * DAY


def test_absent_fields_take_their_defaults() -> None:
    assert requests.rank_call(pb.RankRequest()) == RankCall()
    assert requests.similar_call(pb.SimilarItemsRequest(item_id="a")) == ("a", 20, RequestFilter(), Context())


@pytest.mark.parametrize(
    ("refuse", "named"),
    [
        (lambda: requests.similar_call(pb.SimilarItemsRequest()), "item_id is empty"),
        (lambda: requests.similar_call(pb.SimilarItemsRequest(item_id="a", limit=0)), "limit 0"),
        (lambda: requests.debug_call(pb.DebugRequest()), "^item_id is empty$"),
        (lambda: requests.user_id(""), "user_id is empty"),
        (lambda: requests.name("model", ""), "model is empty"),
        (lambda: requests.choice(0), "personalization is unspecified"),
        (lambda: requests.choice(3), "personalization 3"),
        (
            lambda: requests.write_items([pb.Item(item_id="a")] * 1_001, _refuse_to_write),
            "items holds 1001 elements; at most 1000",
        ),
        (
            lambda: requests.write_events([pb.Event()] * 5_001, _refuse_to_write),
            "events holds 5001 elements; at most 5000",
        ),
        (
            lambda: requests.write_users([pb.User()] * 1_001, _refuse_to_write),
            "users holds 1001 elements; at most 1000",
        ),
        (lambda: requests.write_ids(["a"] * 1_001, _refuse_to_write), "item_ids holds 1001 elements; at most 1000"),
    ],
)
def test_other_requests_are_held_to_their_limits(refuse: Callable[[], object], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        refuse()


def _refuse_to_write(elements: Sequence[object]) -> WriteResult:
    raise AssertionError("nothing of a batch that is too large may be written")


def test_rejections_keep_the_indices_of_the_batch_as_it_was_sent() -> None:
    def store(ids: list[str]) -> WriteResult:
        assert ids == ["a", "b", "c"]
        return WriteResult(1, 1, (Rejection(2, "c is gone"),))

    result = requests.write_ids(["", "a", LONG, "b", "c"], store)
    assert (result.accepted, result.duplicates) == (1, 1)
    assert [r.index for r in result.rejected] == [0, 2, 4]
    assert result.rejected[2].reason == "c is gone"


def test_a_batch_without_a_usable_element_writes_nothing() -> None:
    assert requests.write_ids([], _refuse_to_write) == WriteResult()
    assert len(requests.write_ids(["", ""], _refuse_to_write).rejected) == 2


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
names = texts.filter(bool)
lists = st.lists(names, max_size=4).map(tuple)
contexts = st.builds(Context, texts, texts, texts, texts, texts)
filters = st.builds(RequestFilter, lists, lists, lists, st.integers(0, 100 * 365 * DAY), lists, lists)
floats = st.floats(width=32, allow_nan=False)
rank_calls = st.builds(
    RankCall,
    texts,
    st.integers(1, 200),
    texts,
    contexts,
    lists,
    filters,
    st.sampled_from(Personalization),
    st.booleans(),
    st.dictionaries(names, names, max_size=3),
    texts,
    st.booleans(),
    texts,
)
contributions = st.builds(Contribution, names, floats, floats)
explanations = st.builds(Explanation, st.lists(contributions, max_size=3).map(tuple), floats, lists)
feed_items = st.builds(
    FeedItem,
    names,
    floats,
    st.integers(1, 200),
    lists,
    texts,
    floats,
    st.none() | floats,
    st.none() | explanations,
)
feeds = st.builds(
    Feed,
    st.lists(feed_items, max_size=4).map(tuple),
    texts,
    texts,
    st.dictionaries(names, texts, max_size=3),
    st.booleans(),
    lists,
    texts,
)


@given(rank_calls)
def test_the_server_hears_the_call_that_the_client_made(call: RankCall) -> None:
    assert requests.rank_call(pb.RankRequest.FromString(encode.rank(call).SerializeToString())) == call


@given(feeds)
def test_the_client_reads_the_feed_that_the_server_made(feed: Feed) -> None:
    assert decode.feed(pb.RankResponse.FromString(replies.feed(feed).SerializeToString())) == feed
