"""Examples out of facts: which impressions count, who answered them, and what was known of their users."""

import pytest

from feedrank.errors import StoreError
from feedrank.records import UserUpserted
from feedrank.store import StoredSlate
from feedrank.training.facts import Accounts
from feedrank.training.impressions import Example, imported_examples, slate_examples
from feedrank.training.labels import Answers
from feedrank.types import MINUTE, SECOND, Action, Context
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import log_pb2
from tests.strategies import T0, FactLog

FOREVER = 2**62


def examples_of(log: FactLog, start: int = 0, until: int = FOREVER) -> list[Example]:
    return imported_examples(log.facts, Answers(log.facts), start, until)


def test_a_view_of_a_slate_and_its_clicks_are_an_example() -> None:
    log = FactLog(imported=True)
    log.event(Action.VIEW, "u", ("a", "b", "c"), T0, request="r", session="s")
    log.event(Action.CLICK, "u", "b", T0 + MINUTE, request="r")
    log.event(Action.CLICK, "u", "z", T0 + MINUTE, request="r")  # was not in view
    log.event(Action.CLICK, "w", "a", T0 + MINUTE, request="r")  # another user's request of the same id
    log.event(Action.CLICK, "u", "c", T0 + MINUTE)  # answers no request
    (example,) = examples_of(log)
    assert (example.impression.request_id, example.impression.user_id, example.impression.time) == ("r", "u", T0)
    assert example.impression.rows == (log.row("a"), log.row("b"), log.row("c"))
    assert example.impression.context == Context(session_id="s")
    assert example.labels.tolist() == [0, 1, 0]
    assert example.kept.tolist() == [0, 1, 2]
    assert example.seen.all()
    assert example.slate is None


def test_what_is_no_impression_is_left_out() -> None:
    log = FactLog(imported=True)
    log.event(Action.VIEW, "u", ("a",), T0, request="one item")
    log.event(Action.VIEW, "u", ("a", "a"), T0, request="one item, twice")
    log.event(Action.VIEW, "u", ("a", "b"), T0)  # without a request no click can be told to answer it
    assert examples_of(log) == []
    live = FactLog()
    live.event(Action.VIEW, "u", ("a", "b"), T0, T0, request="r")
    assert examples_of(live) == []


def test_examples_come_in_time_order_and_within_the_period() -> None:
    log = FactLog(imported=True)
    for k in (3, 1, 2, 0):
        log.event(Action.VIEW, "u", ("a", "b"), T0 + k * SECOND, request=f"r{k}")
    found = examples_of(log, T0 + SECOND, T0 + 3 * SECOND)
    assert [e.impression.request_id for e in found] == ["r1", "r2"]


def test_a_repeated_item_is_one_candidate() -> None:
    log = FactLog(imported=True)
    log.event(Action.VIEW, "u", ("a", "b", "a"), T0, request="r")
    log.event(Action.CLICK, "u", "a", T0, request="r")
    (example,) = examples_of(log)
    assert example.impression.rows == (log.row("a"), log.row("b"))
    assert example.labels.tolist() == [1, 0]


def test_the_account_is_known_from_when_it_was_told() -> None:
    told = [
        UserUpserted(1, T0, T0, True, pb.User(user_id="u", language="da", country="DK", region="north")),
        UserUpserted(2, T0 + MINUTE, T0 + MINUTE, True, pb.User(user_id="u", language="en")),
    ]
    accounts = Accounts(told)
    assert accounts.context("u", T0 - 1, "s") == Context(session_id="s")
    assert accounts.context("u", T0, "") == Context("da", "DK", "north")
    assert accounts.context("u", T0 + 2 * MINUTE, "") == Context("en")
    assert accounts.context("w", T0, "") == Context()


def slate(user: str = "u") -> StoredSlate:
    """Five candidates; shown: d, b, a; sampled unshown: e."""
    body = log_pb2.Slate(
        request_id="r",
        user_id=user,
        now_us=T0,
        candidate_rows=[10, 11, 12, 13, 14],
        shown=[3, 1, 0],
        sampled=[4],
        context=pb.Context(region="north", device="mobile"),
    )
    return StoredSlate("r", user, T0, body.SerializeToString())


def answers(user: str, viewed: tuple[int, ...], clicked: tuple[int, ...]) -> Answers:
    log = FactLog()
    for n in range(15):
        log.row(f"i{n}")
    for n in viewed:
        log.event(Action.VIEW, user, f"i{n}", T0 + MINUTE, T0 + MINUTE, request="r")
    for n in clicked:
        log.event(Action.CLICK, user, f"i{n}", T0 + MINUTE, T0 + MINUTE, request="r")
    return Answers(log.facts)


def test_of_a_slate_what_was_seen_and_a_sample_of_the_unshown_are_kept() -> None:
    (example,) = slate_examples([slate()], answers("u", viewed=(13,), clicked=(10,)), False)
    assert example.impression.rows == (10, 11, 12, 13, 14), "in-slate features need everything that was scored"
    assert example.impression.context == Context(region="north", device="mobile")
    assert example.kept.tolist() == [3, 0, 4]
    assert example.labels.tolist() == [0, 1, 0]
    assert example.seen.tolist() == [True, True, False]
    assert example.places is not None and example.places.tolist() == [1, 3, 0]


def test_a_slate_nobody_reported_on_is_an_example_only_where_served_counts_as_seen() -> None:
    nobody = answers("u", (), ())
    assert list(slate_examples([slate()], nobody, False)) == []
    (example,) = slate_examples([slate()], nobody, True)
    assert example.kept.tolist() == [3, 1, 0, 4]
    assert example.labels.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("asked", "answered", "found"), [("", "u", 1), ("", "", 1), ("u", "w", 0), ("u", "u", 1)])
def test_who_asked_and_who_answered(asked: str, answered: str, found: int) -> None:
    """An unpersonalised slate carries no user, though its answers may; another user's answers are not this one's."""
    assert len(list(slate_examples([slate(asked)], answers(answered, (13,), ()), False))) == found


def test_a_damaged_slate_is_an_error_that_names_it() -> None:
    with pytest.raises(StoreError, match="'r' does not parse"):
        list(slate_examples([StoredSlate("r", "u", T0, b"\xff\xff\xff")], answers("u", (), ()), True))


def test_arrays_have_the_documented_types() -> None:
    (example,) = slate_examples([slate()], answers("u", (13,), ()), False)
    assert [a.dtype.name for a in (example.kept, example.labels, example.seen)] == ["int32", "int8", "bool"]
