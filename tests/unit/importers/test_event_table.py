"""Events as columns: ids, order, and the way back to records."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from feedrank.importers.event_table import EVENT_COLUMNS, events_of, in_log_order, item_ids_of, with_event_ids
from feedrank.types import Action, Event, UserId


def table(**columns: list[object]) -> pl.DataFrame:
    return pl.DataFrame(columns, schema={name: EVENT_COLUMNS[name] for name in columns})


def test_records_carry_every_field_and_defaults_for_absent_ones() -> None:
    full = Event(
        "e", UserId("u"), 5, Action.VIEW, "", 1.5, "r", 2, "q", "t", "s", ("a", "b"), "front"
    )  # fmt: skip
    values = {name: [getattr(full, name)] for name in EVENT_COLUMNS if name != "item_ids"}
    assert events_of(table(**values, item_ids=[["a", "b"]])) == [full]
    bare = table(event_id=["e"], user_id=["u"], time=[5], action=[2])
    assert events_of(bare) == [Event("e", UserId("u"), 5, Action.CLICK)]
    nulls = table(event_id=["e"], user_id=["u"], time=[5], action=[2], request_id=[None], item_ids=[None], value=[None])
    assert events_of(nulls) == events_of(bare)


def test_ids_depend_on_the_fact_alone() -> None:
    facts: dict[str, list[object]] = {"user_id": ["u"], "time": [5], "action": [2], "item_id": ["a"]}
    one = with_event_ids(table(**facts), "s")["event_id"][0]
    more = table(**facts, value=[1.0], session_id=["x"], item_ids=[None], query=[None], request_id=["r"])
    assert with_event_ids(more, "s")["event_id"][0] == one
    changes: list[dict[str, list[object]]] = [
        {"user_id": ["v"]}, {"time": [6]}, {"action": [3]}, {"item_id": ["b"]},
    ]  # fmt: skip
    for change in changes:
        assert with_event_ids(table(**(facts | change)), "s")["event_id"][0] != one
    assert with_event_ids(table(**facts), "other")["event_id"][0] != one


def test_ids_tell_slates_searches_and_follows_apart() -> None:
    rows = table(
        user_id=["u"] * 5, time=[1] * 5, action=[1, 1, 10, 10, 8], item_ids=[["a", "b"], ["b", "a"], None, None, None],
        query=[None, None, "x", "y", None], target=[None] * 4 + ["author:x"],
    )  # fmt: skip
    assert len(set(with_event_ids(rows, "s")["event_id"])) == 5


def test_given_ids_stay() -> None:
    rows = table(event_id=["mine", "", None], user_id=["u"] * 3, time=[1, 2, 3], action=[2] * 3, item_id=["a"] * 3)
    found = with_event_ids(rows, "s")["event_id"].to_list()
    assert found[0] == "mine" and len(set(found)) == 3 and all(found)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(list(Action))), max_size=30))
def test_order_is_time_then_views_then_as_given(rows: list[tuple[int, Action]]) -> None:
    given_rows = table(
        time=[t for t, _ in rows], action=[int(a) for _, a in rows], position=list(range(len(rows)))
    )  # fmt: skip
    expected = sorted(range(len(rows)), key=lambda i: (rows[i][0], rows[i][1] is not Action.VIEW, i))
    assert in_log_order(given_rows)["position"].to_list() == expected


def test_items_named_by_events() -> None:
    rows = table(item_id=["b", None, "", "a"], item_ids=[None, ["c", "a"], [], None])
    assert item_ids_of(rows) == ["a", "b", "c"]
    assert item_ids_of(table(time=[1])) == []
