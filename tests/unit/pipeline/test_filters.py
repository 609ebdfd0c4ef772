"""Every filter, by the rule it stands for."""

import numpy as np
import pytest

from feedrank.pipeline.filters import (
    AvailableFilter,
    ExcludedFilter,
    ExpiredFilter,
    HiddenFilter,
    LanguageFilter,
    PublishedFilter,
    RegionFilter,
    RequestedFilter,
    SeenFilter,
    ServedFilter,
    StoryFilter,
    applies,
)
from feedrank.pipeline.rules import parse_rules
from feedrank.pipeline.stages import Filter, RequestFilter
from feedrank.records import ItemDeleted
from feedrank.state import apply
from feedrank.types import HOUR, Action, Context


def test_available_drops_deleted_and_unlisted(world, ask):
    world.item("a")
    world.item("b")
    apply(world.state, [ItemDeleted(99, 1, 1, False, world.rows("b")[0], "b")])
    world.state.catalog.ensure(2)
    world.state.catalog.name(2, "c")
    world.state.items.resize(3)
    world.event(Action.CLICK, "c")
    world.state.catalog.ensure(3)
    world.state.items.resize(4)
    world.state.catalog.name(3, "d")  # what is left of an item whose every record was erased
    raw = world.raw("a", "b", "c", "d")
    assert AvailableFilter(False).keep(ask(), world.reader(), raw).tolist() == [True, False, False, False]
    assert AvailableFilter(True).keep(ask(), world.reader(), raw).tolist() == [True, False, True, False]


def test_expired_and_embargoed_items_are_dropped_by_the_present(world, ask):
    world.item("live")
    world.item("expired", expires_in_hours=0)
    world.item("later", expires_in_hours=1)
    world.item("embargoed", age_hours=-2)
    raw = world.raw("live", "expired", "later", "embargoed")
    assert ExpiredFilter().keep(ask(), world.reader(), raw).tolist() == [True, False, True, True]
    assert PublishedFilter().keep(ask(), world.reader(), raw).tolist() == [True, True, True, False]
    # Where the log stands still, feeds are ranked as of its end, but what has expired since has expired.
    two_hours_on = ask(clock=ask().now + 2 * HOUR)
    assert ExpiredFilter().keep(two_hours_on, world.reader(), raw).tolist() == [True, False, False, True]
    assert PublishedFilter().keep(two_hours_on, world.reader(), raw).all()


@pytest.mark.parametrize(
    ("context", "kept"),
    [
        (Context(), [True, False, False]),
        (Context(region="north"), [True, True, False]),
        (Context(country="DK"), [True, False, True]),
        (Context(region="north", country="DK"), [True, True, True]),
        (Context(region="nor"), [True, False, False]),
    ],
)
def test_region_keeps_what_may_be_shown_here(world, ask, context, kept):
    world.item("everywhere")
    world.item("regional", regions=["south", "north"])
    world.item("national", regions=["DK"])
    raw = world.raw("everywhere", "regional", "national")
    assert RegionFilter(world.state.catalog).keep(ask(context=context), world.reader(), raw).tolist() == kept


def test_language_compares_primary_subtags_where_both_are_known(world, ask):
    for item_id, language in (("en", "en-GB"), ("da", "da"), ("none", "")):
        world.item(item_id, language=language)
    each = LanguageFilter(world.state.catalog)
    raw = world.raw("en", "da", "none")
    assert each.keep(ask(context=Context(language="en-US")), world.reader(), raw).tolist() == [True, False, True]
    assert each.keep(ask(), world.reader(), raw).all()


def test_requested_excludes_by_each_field(world, ask):
    world.item("a", category="news", source="x", language="en", age_hours=1)
    world.item("b", category="sport", source="y", language="da", age_hours=5)
    world.item("c", age_hours=9)
    raw, each = world.raw("a", "b", "c"), RequestedFilter(world.state.catalog)

    def kept(**asked):
        return each.keep(ask(filter=RequestFilter(**asked)), world.reader(), raw).tolist()

    assert kept() == [True, True, True]
    assert kept(include_categories=("sport",)) == [False, True, False]
    assert kept(include_categories=("never seen",)) == [False, False, False]
    assert kept(exclude_categories=("news",)) == [False, True, True]
    assert kept(exclude_categories=("",)) == [True, True, True]
    assert kept(languages=("en",)) == [True, False, False]
    assert kept(exclude_sources=("y",)) == [True, False, True]
    assert kept(exclude_item_ids=("a", "unknown")) == [False, True, True]
    assert kept(max_age=6 * HOUR) == [True, True, False]


def test_seen_drops_read_items_and_those_viewed_three_times_in_a_day(world, ask):
    for item_id in ("read", "tired", "twice", "long ago", "new"):
        world.item(item_id, age_hours=100)
    world.event(Action.CLICK, "read", hours_ago=90)
    for hours in (1, 2, 3):
        world.event(Action.VIEW, "tired", hours_ago=hours)
        world.event(Action.VIEW, "long ago", hours_ago=hours + 24)
    for hours in (1, 2, 25):
        world.event(Action.VIEW, "twice", hours_ago=hours)
    raw = world.raw("read", "tired", "twice", "long ago", "new")
    assert SeenFilter(3, 24.0).keep(ask(), world.reader(), raw).tolist() == [False, False, True, True, True]


def test_hidden_follows_the_last_word(world, ask):
    for item_id in ("hidden", "forgiven", "other"):
        world.item(item_id)
    world.event(Action.HIDE, "hidden")
    world.event(Action.HIDE, "forgiven", hours_ago=3)
    world.event(Action.UNHIDE, "forgiven", hours_ago=2)
    raw = world.raw("hidden", "forgiven", "other")
    assert HiddenFilter().keep(ask(), world.reader(), raw).tolist() == [False, True, True]


def test_story_keeps_the_newest_telling(world, ask):
    unit = np.array([1, 0], np.float32)
    world.item("old", age_hours=9, vector=unit)
    world.item("new", age_hours=1, vector=unit, story_of="old")
    world.item("middle", age_hours=5, vector=unit, story_of="old")
    world.item("alone", age_hours=9)
    raw = world.raw("old", "middle", "new", "alone")
    assert StoryFilter().keep(ask(), world.reader(), raw).tolist() == [False, False, True, True]


def test_served_drops_earlier_pages_and_their_stories(world, ask):
    unit = np.array([1, 0], np.float32)
    world.item("a", vector=unit)
    world.item("a again", vector=unit, story_of="a")
    world.item("b")
    raw, each = world.raw("a", "a again", "b"), ServedFilter(world.state.catalog)
    assert each.keep(ask(served_before=("a", "gone")), world.reader(), raw).tolist() == [False, False, True]
    asked = ask(served_before=("a",), candidate_ids=("a", "a again", "b"))
    assert each.keep(asked, world.reader(), raw).tolist() == [False, True, True]


def test_excluded_follows_the_rules_that_hold(world, ask):
    world.item("a", category="crime")
    world.item("b", category="sport")
    rules = parse_rules(
        '[[rule]]\nname="no crime"\ndo="exclude"\nwhen={surfaces=["breakfast"]}\nitems={categories=["crime"]}'
    )
    each, raw = ExcludedFilter(rules, world.state.catalog), world.raw("a", "b")
    assert each.keep(ask(surface="breakfast"), world.reader(), raw).tolist() == [False, True]
    assert each.keep(ask(surface="home"), world.reader(), raw).tolist() == [True, True]


def test_a_callers_candidates_are_dropped_for_few_reasons_only(world, ask):
    catalog = world.state.catalog
    own = ask(candidate_ids=("a",))
    ruling: list[Filter] = [
        AvailableFilter(False),
        ExpiredFilter(),
        RegionFilter(catalog),
        HiddenFilter(),
        RequestedFilter(catalog),
    ]
    idle: list[Filter] = [
        PublishedFilter(),
        SeenFilter(3, 24.0),
        StoryFilter(),
        LanguageFilter(catalog),
        ExcludedFilter(parse_rules(""), catalog),
    ]
    assert all(applies(each, own) for each in ruling)
    assert not any(applies(each, own) for each in idle)
    assert all(applies(each, ask()) for each in [*ruling, *idle])
