"""What is gathered is what the state, the profile and the clock say; bounds and strangers included."""

import numpy as np
import pytest

from feedrank.features import Raw, gather
from feedrank.features.raw import CO_HISTORY, NEGATIVE, NEGATIVE_HISTORY, POSITIVE, QUERY, SIMILARITY_HISTORY
from feedrank.history import NO_HISTORY, Profile, apply, profile
from feedrank.state import CODED, HALF_LIVES, NEVER, NO_SLOT, Count, State
from feedrank.state import apply as fold
from feedrank.types import DAY, HOUR, I32, SECOND, Action, Context
from feedrank.user_records import session_key
from tests.strategies import T0, FactLog, records_of, unit_vector

NOW = T0 + DAY


def rows(*numbers: int) -> I32:
    return np.array(numbers, np.int32)


def state_of(log: FactLog) -> State:
    state = State()
    fold(state, log.facts)
    return state


def profile_of(log: FactLog, user: str = "u", space: str = "text") -> Profile:
    return profile(apply(NO_HISTORY, records_of(log, user)), space)


def raw_of(log: FactLog, candidates: I32, context: Context = Context(), space: str = "text") -> Raw:
    return gather(state_of(log), candidates, profile_of(log), context, NOW, space)


def test_item_columns_are_those_of_the_state_at_now() -> None:
    log = FactLog()
    log.upsert("a", T0, category="sports", author="ann", title="four", published_at=T0)
    log.upsert("b", T0, category="sports", expires_at=NOW)
    log.event(Action.VIEW, "v", ("b", "a"), T0)
    log.event(Action.CLICK, "v", "b", T0 + HOUR, region="north")
    log.delete("a", T0 + 2 * HOUR)
    items = raw_of(log, rows(1, 0), Context(region="north")).items
    hours = [h / HOUR for h in HALF_LIVES]
    assert items.counts[:, Count.VIEWS, 0] == pytest.approx([0.5**24, 0.5**24])
    assert items.counts[0, Count.READS] == pytest.approx([0.5 ** (23 / h) for h in hours])
    assert items.category_counts[0, Count.VIEWS] == pytest.approx([2 * 0.5 ** (24 / h) for h in hours])
    assert items.regional == pytest.approx([0.5 ** (23 / 24), 0.0])
    assert items.codes[:, CODED.index("category")].tolist() == [1, 1]
    assert items.codes[:, CODED.index("author")].tolist() == [0, 1]
    assert items.listed.tolist() == [True, False]
    assert items.deleted.tolist() == [False, True]
    assert items.published_at.tolist() == [0, T0]
    assert items.expires_at.tolist() == [NOW, 0]
    assert items.last_click.tolist() == [T0 + HOUR, 0]
    assert items.title_chars.tolist() == [0, 4]
    assert items.story.tolist() == [1, 0]


def test_co_engagement_is_with_the_newest_distinct_items_newest_first() -> None:
    log = FactLog()
    for k in range(CO_HISTORY + 5):
        log.event(Action.CLICK, "u", f"i{k % (CO_HISTORY + 3)}", T0 + k * SECOND)
    state = state_of(log)
    raw = gather(state, rows(0, 1, 2), profile_of(log), Context(), NOW, "")
    newest = [1, 0, *range(CO_HISTORY + 2, 4, -1)][:CO_HISTORY]
    for k, other in enumerate(newest):
        read = state.co_engaged.lookup(rows(other), rows(0, 1, 2), NOW)[:, 0]
        assert raw.items.co_engaged[:, k].tolist() == read.tolist()
        clicks = state.items.read(rows(other), NOW)[0, [Count.CLICKS, Count.READS], -1].sum()
        assert raw.requests.co_totals[0, k] == clicks
    assert raw.items.co_engaged.any()


def test_an_item_the_fold_has_not_reached_is_read_but_unknown() -> None:
    log = FactLog()
    log.upsert("a", T0, category="sports")
    state = state_of(log)
    log.event(Action.CLICK, "u", "a", T0)
    log.event(Action.CLICK, "u", "new", T0 + SECOND)
    raw = gather(state, rows(0), profile_of(log), Context(), NOW, "text")
    assert raw.history.rows.tolist() == [0, 1]
    assert raw.history.codes[:, 0].tolist() == [1, 0]
    assert raw.items.first_seen.tolist() == [T0]


def test_a_row_nobody_named_is_empty_and_never_seen() -> None:
    state = State()
    state.catalog.ensure(2)
    state.items.resize(3)
    items = gather(state, rows(2), profile(NO_HISTORY, ""), Context(region="x", language="y"), NOW, "text").items
    assert not items.counts.any()
    assert items.first_seen.tolist() == [NEVER]
    assert items.slots.tolist() == [NO_SLOT]


def test_compared_vectors_are_the_newest_reads_hides_and_searches() -> None:
    log = FactLog()
    n = SIMILARITY_HISTORY + 10
    for k in range(n):
        if k % 7:
            log.vector(f"i{k}", unit_vector(k), T0)
        log.event(Action.CLICK, "u", f"i{k}", T0 + k * SECOND)
    for k in range(NEGATIVE_HISTORY + 3):
        log.event(Action.HIDE, "u", f"i{k}", T0 + (100 + k) * SECOND)
    search = log.event(Action.SEARCH, "u", "", T0)
    log.query_vector(search, unit_vector(999), T0)
    raw = raw_of(log, rows(0))
    compared = raw.compared
    reads = [k for k in range(n - SIMILARITY_HISTORY, n) if k % 7]
    hides = [k for k in range(3, NEGATIVE_HISTORY + 3) if k % 7]
    assert compared.kinds.tolist() == [POSITIVE] * len(reads) + [NEGATIVE] * len(hides) + [QUERY]
    expected = [unit_vector(k) for k in (*reads, *hides, 999)]
    assert (raw.vectors_at(compared.slots[:-1]) == np.stack(expected[:-1])).all()
    assert (compared.queries == expected[-1]).all() and compared.slots[-1] == NO_SLOT
    assert len(raw_of(log, rows(0), space="another").compared.kinds) == 0
    assert len(raw_of(log, rows(0), space="").compared.kinds) == 0


def test_follows_match_author_category_and_source() -> None:
    log = FactLog()
    log.upsert("a", T0, author="ann", category="sports", source="daily")
    log.upsert("b", T0, author="bob", category="sports")
    for target in ("author:ann", "category:sports", "source:weekly", "source:daily", "author:cy"):
        log.event(Action.FOLLOW, "u", "", T0, target=target)
    log.event(Action.UNFOLLOW, "u", "", T0 + SECOND, target="source:daily")
    raw = raw_of(log, rows(0, 1))
    assert raw.items.followed.tolist() == [[True, True, False], [False, True, False]]
    assert raw.requests.follows.tolist() == [4]


def test_views_older_than_a_week_are_left_out_whether_the_store_has_them_or_not() -> None:
    log = FactLog()
    log.event(Action.VIEW, "u", "a", NOW - 7 * DAY - 1)
    log.event(Action.VIEW, "u", "b", NOW - 7 * DAY, session="s")
    raw = raw_of(log, rows(0))
    assert raw.views.rows.tolist() == [1]
    assert raw.views.sessions.tolist() == [session_key("s")]
    assert raw.view_offsets.tolist() == [0, 1]


def test_the_context_becomes_numbers() -> None:
    log = FactLog()
    log.upsert("a", T0, language="da")
    known = raw_of(log, rows(0), Context(language="da", device="tablet", session_id="s")).requests
    assert (known.language.tolist(), known.device.tolist(), known.session.tolist()) == ([1], [3], [session_key("s")])
    absent = raw_of(log, rows(0)).requests
    assert (absent.language.tolist(), absent.device.tolist(), absent.session.tolist()) == ([0], [0], [0])
    strange = raw_of(log, rows(0), Context(language="xx", device="fridge")).requests
    assert (strange.language.tolist(), strange.device.tolist()) == ([-1], [-1])


def test_gathered_columns_are_copies() -> None:
    log = FactLog()
    log.upsert("a", T0, title="one")
    log.vector("a", unit_vector(1), T0)
    log.event(Action.CLICK, "u", "a", T0)
    state = state_of(log)
    raw = gather(state, rows(0), profile_of(log), Context(), NOW, "text")
    counts, title = raw.items.counts.copy(), raw.items.title_chars.copy()
    log.upsert("a", T0, title="another")
    log.event(Action.CLICK, "u", "a", T0)
    fold(state, log.facts[-2:])
    assert (raw.items.counts == counts).all()
    assert (raw.items.title_chars == title).all()
