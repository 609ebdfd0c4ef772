"""The fold against its definition in plain sums, and its two promises: batches do not matter, and folds merge."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedrank.records import EventRecorded, Fact, QueryEmbedded
from feedrank.settings import PREVIOUS_KEPT, PREVIOUS_WITHIN_H
from feedrank.state import CO_HALF_LIFE, HALF_LIVES, KINDS, MAX_DWELL_S, REGION_HALF_LIFE, Count, State, apply, merge
from feedrank.types import DAY, F64, HOUR, I32, MINUTE, SECOND, Action, Micros, Row
from tests.observed import assert_close, assert_same, observe
from tests.strategies import T0, FactLog, fact_logs, long_log, parts, unit_vector

ONE: I32 = np.zeros(1, np.int32)


def fold(facts: Sequence[Fact], cuts: Sequence[int] = ()) -> State:
    state = State()
    for start, stop in zip((0, *cuts), (*cuts, len(facts)), strict=True):
        apply(state, facts[start:stop])
    return state


def newest(facts: Sequence[Fact]) -> Micros:
    return max((fact.received_at for fact in facts), default=T0)


def instants(facts: Sequence[Fact]) -> list[Micros]:
    return [newest(facts), newest(facts) + 5 * HOUR, newest(facts) + 30 * DAY]


def amounts(facts: Sequence[Fact]) -> list[tuple[Row, Count, float, Micros]]:
    """What each event says of its items, as the counters' documentation reads."""
    found: list[tuple[Row, Count, float, Micros]] = []
    sign = {Action.LIKE: 1, Action.SAVE: 1, Action.SHARE: 1, Action.UNLIKE: -1, Action.UNSAVE: -1}
    for fact in facts:
        if not isinstance(fact, EventRecorded) or not fact.rows:
            continue
        row = fact.rows[0]
        if fact.action == Action.VIEW:
            found += [(row, Count.VIEWS, 1.0, fact.time) for row in fact.rows]
            found += [(row, Count.READS, -1.0, at) for row, at in fact.late_clicks]
            found += [(row, Count.CLICKS, 1.0, at) for row, at in fact.late_clicks]
        elif fact.action == Action.CLICK:
            found.append((row, Count.CLICKS if fact.answers_view else Count.READS, 1.0, fact.time))
        elif fact.action == Action.DWELL:
            found.append((row, Count.DWELLS, 1.0, fact.time))
            found.append((row, Count.DWELL_S, min(fact.value, MAX_DWELL_S), fact.time))
        elif fact.action in sign:
            found.append((row, Count.LIKES, sign[fact.action], fact.time))
        elif fact.action in (Action.HIDE, Action.UNHIDE):
            found.append((row, Count.HIDES, 1.0 if fact.action == Action.HIDE else -1.0, fact.time))
    return found


def summed(facts: Sequence[Fact], group_of_row: I32, groups: int, now: Micros) -> F64:
    out = np.zeros((groups, KINDS, len(HALF_LIVES)))
    for row, kind, amount, time in amounts(facts):
        out[group_of_row[row], kind] += [amount * 0.5 ** ((now - time) / h) for h in HALF_LIVES]
    return np.maximum(out, 0.0)


@given(fact_logs())
def test_counters_are_decayed_sums_per_item_category_and_over_all(log: FactLog) -> None:
    state = fold(log.facts)
    for now in instants(log.facts)[:2]:
        rows = np.arange(state.catalog.rows, dtype=np.int32)
        expected = summed(log.facts, rows, len(rows), now)
        np.testing.assert_allclose(state.items.read(rows, now), expected, rtol=1e-9, atol=1e-12)
        everything = summed(log.facts, np.zeros(len(rows), np.int32), 1, now)
        np.testing.assert_allclose(state.overall.read(ONE, now), everything, rtol=1e-9, atol=1e-12)
        for name, prior in state.priors.items():
            codes = state.catalog.column(name)
            words = len(state.catalog.vocabularies[name])
            read = prior.read(np.arange(min(words, prior.rows), dtype=np.int32), now)
            by_word = summed(log.facts, codes, words, now)
            np.testing.assert_allclose(read, by_word[: prior.rows], rtol=1e-9, atol=1e-12)
            assert not by_word[prior.rows :].any()


@given(fact_logs())
def test_co_engagement_counts_pairs_of_a_user_s_clicks_as_defined(log: FactLog) -> None:
    """For each click, each of the user's PREVIOUS_KEPT latest other items within PREVIOUS_WITHIN_H: one, both ways."""
    state, now = fold(log.facts), newest(log.facts)
    n = state.catalog.rows
    expected = np.zeros((n, n))
    events = [f for f in log.facts if isinstance(f, EventRecorded)]
    engaged = [f for f in events if f.action in (Action.CLICK, Action.LIKE, Action.SAVE, Action.SHARE)]
    for k, fact in enumerate(engaged):
        if fact.action != Action.CLICK:
            continue
        mine = [f for f in engaged[:k] if f.event.user_id == fact.event.user_id and f.rows != fact.rows]
        mine = [f for f in mine if 0 <= fact.time - f.time <= PREVIOUS_WITHIN_H * HOUR]
        latest: dict[Row, tuple[Micros, int]] = {}
        for f in mine:
            latest[f.rows[0]] = max(latest.get(f.rows[0], (0, 0)), (f.time, f.offset))
        for other in sorted(latest, key=lambda row: latest[row], reverse=True)[:PREVIOUS_KEPT]:
            weight = 0.5 ** ((now - fact.time) / CO_HALF_LIFE)
            expected[fact.rows[0], other] += weight
            expected[other, fact.rows[0]] += weight
    rows = np.arange(n, dtype=np.int32)
    # Below 1e-12 an entry may have been pruned by age.
    np.testing.assert_allclose(state.co_engaged.lookup(rows, rows, now).T, expected, rtol=1e-9, atol=1e-11)


@given(fact_logs())
def test_regional_weights_are_decayed_clicks_by_users_of_the_region(log: FactLog) -> None:
    state, now = fold(log.facts), newest(log.facts)
    rows = np.arange(state.catalog.rows, dtype=np.int32)
    clicks = [f for f in log.facts if isinstance(f, EventRecorded) and f.action == Action.CLICK]
    for region in ("north", "south"):
        expected = np.zeros(len(rows))
        for fact in clicks:
            if fact.region == region:
                expected[fact.rows[0]] += 0.5 ** ((now - fact.time) / REGION_HALF_LIFE)
        code = state.region_names.find(region)
        read = state.regional.lookup(np.array([max(code, 0)], np.int32), rows, now)[:, 0]
        np.testing.assert_allclose(read, expected, rtol=1e-9, atol=1e-11)


@given(fact_logs())
def test_the_catalog_notes_first_sights_and_last_clicks(log: FactLog) -> None:
    columns = fold(log.facts).catalog
    for item_id, row in log.row_of.items():
        named = [f.time for f in log.facts if row in _rows(f)]
        clicked = [f.time for f in log.facts if isinstance(f, EventRecorded) and f.action == Action.CLICK]
        clicked = [
            f.time for f in log.facts if isinstance(f, EventRecorded) and f.action == Action.CLICK and f.rows == (row,)
        ]
        if not named:  # only some story is called after it
            continue
        assert columns.ids[row] == item_id
        assert columns.row_of[item_id] == row
        assert columns.column("first_seen")[row] == min(named)
        assert columns.column("last_click")[row] == max(clicked, default=0)


def _rows(fact: Fact) -> tuple[Row, ...]:
    if isinstance(fact, EventRecorded):
        return fact.rows
    return () if isinstance(fact, QueryEmbedded) else (fact.row,)  # type: ignore[attr-defined]


@given(fact_logs(), st.data())
def test_batches_do_not_matter_to_the_bit(log: FactLog, data: st.DataObject) -> None:
    cuts = data.draw(parts(len(log.facts)))
    whole, stretches, one_by_one = fold(log.facts), fold(log.facts, cuts), State()
    stretches.co_engaged.compact()
    for fact in log.facts:
        apply(one_by_one, [fact])
        one_by_one.regional.compact()
    for now in instants(log.facts):
        assert_same(observe(whole, now), observe(stretches, now))
        assert_same(observe(whole, now), observe(one_by_one, now))
    assert whole.position == stretches.position == one_by_one.position


@pytest.mark.parametrize("size", [1, 7, 100])
def test_batches_of_a_long_log_do_not_matter_to_the_bit(size: int) -> None:
    facts = long_log(seed=size, length=1_500).facts
    whole, batched = fold(facts), fold(facts, range(0, len(facts), size))
    for now in instants(facts):
        assert_same(observe(whole, now), observe(batched, now))


@given(fact_logs(), st.data())
def test_folds_of_consecutive_stretches_merge(log: FactLog, data: st.DataObject) -> None:
    cuts = data.draw(parts(len(log.facts)))
    merged = State()
    for start, stop in zip((0, *cuts), (*cuts, len(log.facts)), strict=True):
        merge(merged, fold(log.facts[start:stop]))
    whole = fold(log.facts)
    assert merged.position == whole.position
    for now in instants(log.facts):
        assert_close(observe(merged, now), observe(whole, now))


@given(fact_logs(), st.data())
def test_folds_of_stretches_merge_in_the_order_of_visibility_too(log: FactLog, data: st.DataObject) -> None:
    """As replay sees the log: imported and live facts change places, also upserts of one item."""
    delay = data.draw(st.sampled_from((0, HOUR, 30 * DAY)))
    facts = sorted(log.facts, key=lambda f: (f.visible_at(delay), f.offset))
    place = data.draw(st.integers(0, len(facts)))
    merged = merge(fold(facts[:place]), fold(facts[place:]))
    for now in instants(facts):
        assert_close(observe(merged, now), observe(fold(facts), now))


@given(fact_logs(), st.integers(1, 3), st.booleans())
def test_folds_of_user_partitions_merge(log: FactLog, partitions: int, items_everywhere: bool) -> None:
    """Facts about items belong to no user: every partition may fold them, or one."""
    merged = State()
    for number in range(partitions):
        mine = [f for f in log.facts if _partition(f, partitions, items_everywhere, number)]
        merge(merged, fold(mine))
    for now in instants(log.facts):
        assert_close(observe(merged, now), observe(fold(log.facts), now))


def _partition(fact: Fact, partitions: int, items_everywhere: bool, number: int) -> bool:
    if isinstance(fact, EventRecorded):
        return int(fact.event.user_id[1:]) % partitions == number
    return items_everywhere or number == partitions - 1


@given(fact_logs(), fact_logs(most=10))
def test_a_merged_fold_goes_on(log: FactLog, more: FactLog) -> None:
    place = len(log.facts) // 2
    merged = merge(fold(log.facts[:place]), fold(log.facts[place:]))
    apply(merged, more.facts)
    now = max(newest(log.facts), newest(more.facts))
    assert_close(observe(merged, now), observe(fold([*log.facts, *more.facts]), now))


def test_what_was_counted_moves_with_an_item_to_its_new_category() -> None:
    log = FactLog()
    log.upsert("x", T0, category="sports")
    log.upsert("y", T0, category="sports")
    for k in range(10):
        log.event(Action.VIEW, "u", "x", T0 + k * MINUTE)
    log.event(Action.VIEW, "u", "y", T0 + HOUR)
    log.upsert("x", T0 + HOUR, category="politics")
    log.event(Action.VIEW, "u", "x", T0 + HOUR)
    state = fold(log.facts)
    find = state.catalog.vocabularies["category"].find
    views = {
        name: state.priors["category"].read(np.array([find(name)], np.int32), T0 + HOUR)
        for name in ("sports", "politics")
    }
    week = len(HALF_LIVES) - 1
    assert views["sports"][0, Count.VIEWS, week] == pytest.approx(1.0)
    assert views["politics"][0, Count.VIEWS, week] == pytest.approx(11.0, rel=1e-2)


def test_a_click_before_its_view_becomes_a_click_that_answers_one() -> None:
    log = FactLog()
    log.event(Action.CLICK, "u", "x", T0, request="r")
    before = fold(log.facts).items.read(ONE, T0)
    log.event(Action.VIEW, "u", ("y", "x"), T0 - MINUTE, received_at=T0 + SECOND, request="r")
    after = fold(log.facts).items.read(ONE, T0)
    assert before[0, [Count.READS, Count.CLICKS], 0].tolist() == [1.0, 0.0]
    assert after[0, [Count.READS, Count.CLICKS], 0].tolist() == [0.0, 1.0]
    in_order = FactLog()
    in_order.event(Action.VIEW, "u", ("y", "x"), T0 - MINUTE, request="r")
    in_order.event(Action.CLICK, "u", "x", T0, request="r")
    row = np.array([in_order.row("x")], np.int32)
    assert (fold(in_order.facts).items.read(row, T0) == after[0]).all()


def test_a_dwell_without_seconds_says_nothing_and_a_forgotten_tab_is_cut() -> None:
    log = FactLog()
    log.event(Action.DWELL, "u", "x", T0)
    log.event(Action.DWELL, "u", "x", T0, value=7_200.0)
    counts = fold(log.facts).items.read(ONE, T0)[0]
    assert counts[[Count.DWELLS, Count.DWELL_S], 0].tolist() == [1.0, MAX_DWELL_S]


def test_the_first_vector_that_joins_a_story_fixes_it() -> None:
    log = FactLog()
    for item in ("a", "b", "c"):
        log.upsert(item, T0)
    log.vector("c", unit_vector(1), T0, space="own")
    log.vector("c", unit_vector(1), T0, story="a")
    log.vector("c", unit_vector(2), T0, story="b")
    state = fold(log.facts)
    assert state.catalog.column("story").tolist() == [0, 1, 0]
    assert (state.vectors["text"].gather(np.array([2], np.int32))[0][0] == unit_vector(2)).all()


def test_facts_that_say_nothing_of_items_only_move_the_position() -> None:
    log = FactLog()
    search = log.event(Action.SEARCH, "u", "", T0)
    log.event(Action.FOLLOW, "u", "", T0, target="author:x")
    log.query_vector(search, unit_vector(1), T0)
    state = fold(log.facts)
    assert (state.position, state.catalog.rows) == (3, 0)
    assert not state.overall.read(ONE, T0).any()


def test_a_long_stretch_is_added_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = long_log(seed=5, length=300).facts
    whole = observe(fold(facts), newest(facts))
    monkeypatch.setattr("feedrank.state.fold.FLUSH_AT", 3)
    assert_same(observe(fold(facts), newest(facts)), whole)
