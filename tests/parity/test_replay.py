"""Replay by time: nothing of the future reaches a row, delays are kept to the microsecond, and freezing freezes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedrank.features import NAMES, compute, concat
from feedrank.records import Fact, QueryEmbedded, VectorLanded
from feedrank.state import NO_SLOT, Count
from feedrank.training.replay import FOREVER, Impression, replay_impressions, visible_times
from feedrank.types import DAY, F32, HOUR, MINUTE, SECOND, Action, Context, Micros, Row
from tests.strategies import T0, FactLog, fact_logs, long_log, play, unit_vector, world

CONTEXT = Context(region="north", language="en", session_id="s1", device="mobile")
WEEK = -1
EIGHT = tuple(range(8))


def shown(time: Micros, user: str = "u1", rows: tuple[Row, ...] = EIGHT) -> Impression:
    return Impression(f"{user}@{time}", user, time, rows, CONTEXT)


def rows_of(
    facts: Sequence[Fact], impressions: Sequence[Impression], delay: Micros = 0, known_until: Micros = FOREVER
) -> F32:
    outdated = [replace(impression, known_until=known_until) for impression in impressions]
    return compute(concat(list(replay_impressions(facts, outdated, delay, "text"))))


def assert_same_bits(mine: F32, theirs: F32) -> None:
    differs = (mine.view(np.uint32) != theirs.view(np.uint32)).any(axis=0)
    assert [name for name, d in zip(NAMES, differs, strict=True) if d] == []


@given(fact_logs(imported=True), fact_logs(most=15, imported=True), st.data())
def test_what_happens_from_the_impression_on_leaves_its_row_as_it_is(
    log: FactLog, other: FactLog, data: st.DataObject
) -> None:
    times = sorted({fact.time + after for fact in log.facts for after in (0, 1)}) or [T0]
    moment = data.draw(st.sampled_from(times))
    delay = data.draw(st.sampled_from((0, 1, 5 * MINUTE)))
    # A vector lands when the encoder runs, long after an import: it may come from anywhere, its text may not.
    past = [f for f in log.facts if f.time < moment or isinstance(f, VectorLanded | QueryEmbedded)]
    instead = [replace(f, time=f.time - T0 + moment, received_at=f.received_at - T0 + moment) for f in other.facts]
    later = [f for f in instead if f.time >= moment]
    dropped, changed = past, [*past, *(replace(f, offset=100 + k) for k, f in enumerate(later))]
    impressions = [shown(moment - 3 * HOUR, "u0"), shown(moment), shown(moment, "u2", (5, 3))]
    expected = rows_of(log.facts, impressions, delay)
    assert_same_bits(rows_of(dropped, impressions, delay), expected)
    assert_same_bits(rows_of(changed, impressions, delay), expected)


@given(fact_logs(imported=False), st.data())
def test_what_was_received_from_the_impression_on_leaves_item_state_as_it_is(log: FactLog, data: st.DataObject) -> None:
    """Live records are visible to item state when received; to their own user's history at their own time."""
    moment = data.draw(st.sampled_from(sorted({f.received_at for f in log.facts}) or [T0]))
    impressions = [shown(moment, "a stranger")]
    past = [f for f in log.facts if f.received_at < moment]
    assert_same_bits(rows_of(log.facts, impressions, HOUR), rows_of(past, impressions, HOUR))


@given(fact_logs(), st.sampled_from((0, HOUR)))
def test_many_impressions_replayed_together_are_those_replayed_alone(log: FactLog, delay: Micros) -> None:
    times = sorted(fact.received_at + SECOND for fact in log.facts)[::4] or [T0]
    impressions = [shown(time, f"u{k % 3}") for k, time in enumerate(times)]
    together = rows_of(log.facts, impressions, delay)
    alone = np.concatenate([rows_of(log.facts, [impression], delay) for impression in impressions])
    assert_same_bits(together, alone)


@pytest.mark.parametrize("delay", [0, 5 * MINUTE])
def test_an_imported_event_counts_from_just_after_the_delay(delay: Micros) -> None:
    log = FactLog(imported=True)
    log.upsert("a", T0 - DAY)
    log.event(Action.VIEW, "v", "a", T0)
    at_the_delay, just_after = (
        next(replay_impressions(log.facts, [shown(T0 + delay + late, rows=(0,))], delay)) for late in (0, 1)
    )
    assert at_the_delay.items.counts[0, Count.VIEWS, WEEK] == 0.0
    assert just_after.items.counts[0, Count.VIEWS, WEEK] == pytest.approx(1.0, rel=1e-3)


def test_an_upsert_is_as_late_as_an_event() -> None:
    log = FactLog(imported=True)
    log.event(Action.VIEW, "v", "a", T0 - DAY)
    log.upsert("a", T0, category="sports", title="new")
    before, after = (
        next(replay_impressions(log.facts, [shown(T0 + HOUR + late, rows=(0,))], HOUR)).items for late in (0, 1)
    )
    assert (before.codes[0, 0], before.listed[0], before.title_chars[0]) == (0, False, 0)
    assert (after.codes[0, 0], after.listed[0], after.title_chars[0]) == (1, True, 3)
    assert before.first_seen[0] == after.first_seen[0] == T0 - DAY


def test_a_live_event_counts_from_just_after_it_was_received_whatever_the_delay() -> None:
    log = FactLog()
    log.event(Action.VIEW, "v", "a", T0, received_at=T0 + 2 * SECOND)
    views = [
        raw.items.counts[0, Count.VIEWS, 0]
        for raw in replay_impressions(
            log.facts, [shown(T0 + 2 * SECOND, rows=(0,)), shown(T0 + 2 * SECOND + 1, rows=(0,))], HOUR
        )
    ]
    assert views[0] == 0.0
    assert views[1] > 0.99


def test_a_user_s_own_history_is_never_delayed_and_never_of_the_same_instant() -> None:
    log = FactLog(imported=True)
    log.event(Action.CLICK, "u1", "a", T0)
    at_once, just_after = (
        next(replay_impressions(log.facts, [shown(T0 + late, rows=(0,))], DAY)).history for late in (0, 1)
    )
    assert len(at_once.rows) == 0
    assert just_after.rows.tolist() == [0]


def test_the_clock_is_cut_to_whole_seconds() -> None:
    raw = next(replay_impressions([], [shown(T0 + 1_999_999, rows=())], 0))
    assert raw.requests.now.tolist() == [T0 + SECOND]
    assert len(raw.items.rows) == 0


def test_frozen_replay_sees_nothing_from_the_instant_on_but_the_clock_goes_on() -> None:
    log = long_log(seed=8, length=800, imported=True)
    frozen_at = T0 + 2 * DAY
    past = [f for f in log.facts if f.time < frozen_at or isinstance(f, VectorLanded | QueryEmbedded)]
    impressions = [shown(T0 + hours * HOUR, f"u{hours % 3}") for hours in (30, 47, 48, 60, 100)]
    frozen = rows_of(log.facts, impressions, HOUR, frozen_at)
    assert_same_bits(frozen, rows_of(past, impressions, HOUR, frozen_at))
    assert_same_bits(frozen[:16], rows_of(log.facts, impressions, HOUR)[:16])
    assert len(past) < len(log.facts)
    ages = frozen[:, NAMES.index("age_hours")].reshape(5, 8)
    assert ages[4] == pytest.approx(ages[3] + 40)
    later = [replace(shown(time, rows=EIGHT), known_until=frozen_at) for time in (frozen_at, frozen_at + 7 * DAY)]
    raws = list(replay_impressions(log.facts, later, 0))
    assert (raws[1].items.counts[:, :, WEEK] == raws[0].items.counts[:, :, WEEK] / 2).all()


def test_a_view_stored_after_its_later_click_waits_for_it() -> None:
    """Clicks were imported first, then the views they answer: the correction is of the click's time, not the view's."""
    log = FactLog(imported=True)
    log.event(Action.CLICK, "v", "a", T0 + 10 * MINUTE, request="r")
    log.event(Action.VIEW, "v", "a", T0, request="r")
    impressions = [shown(T0 + minutes * MINUTE, rows=(0,)) for minutes in (5, 11)]
    early, late = (raw.items.counts[0, :, WEEK] for raw in replay_impressions(log.facts, impressions, 0))
    assert early[[Count.CLICKS, Count.READS]].tolist() == [0.0, 0.0]
    assert late[[Count.VIEWS, Count.CLICKS]] == pytest.approx([1, 1], rel=1e-3)
    assert late[Count.READS] == 0.0


def test_the_vector_of_an_imported_text_counts_as_landed_with_it() -> None:
    encoded_at = T0 + 900 * DAY
    log = FactLog(imported=True)
    first = log.upsert("a", T0, title="first")
    log.upsert("a", T0 + DAY, title="second")
    for title, seed in (("first", 1), ("second", 2), ("third", 3)):
        log.vector("a", unit_vector(seed), encoded_at, content_hash=title.encode())
    assert visible_times(log.facts, HOUR).tolist() == [
        T0 + HOUR,
        T0 + DAY + HOUR,
        T0 + HOUR,
        T0 + DAY + HOUR,
        encoded_at,  # of a text no import has
    ]
    times = (first.time + HOUR, first.time + HOUR + 1, T0 + 2 * DAY)
    raws = list(replay_impressions(log.facts, [shown(time, rows=(0,)) for time in times], HOUR, "text"))
    assert raws[0].items.slots.tolist() == [NO_SLOT]
    assert (raws[1].vectors[raws[1].items.slots[0]] == unit_vector(1)).all()
    assert (raws[2].vectors[raws[2].items.slots[0]] == unit_vector(2)).all()


def test_the_vector_of_a_live_text_counts_when_it_landed() -> None:
    log = FactLog()
    log.upsert("a", T0, title="first")
    log.vector("a", unit_vector(1), T0 + MINUTE, content_hash=b"first")
    impressions = [shown(T0 + MINUTE, rows=(0,)), shown(T0 + MINUTE + 1, rows=(0,))]
    found = [(raw.items.slots != NO_SLOT).tolist() for raw in replay_impressions(log.facts, impressions, 0, "text")]
    assert found == [[False], [True]]


def test_the_vector_of_an_imported_search_counts_with_it_and_of_a_live_one_when_it_landed() -> None:
    for imported, seen in ((True, [0, 1, 1]), (False, [0, 0, 1])):
        log = FactLog(imported)
        log.vector("a", unit_vector(1), T0 - DAY)
        search = log.event(Action.SEARCH, "u1", "", T0)
        log.query_vector(search, unit_vector(2), T0 + DAY)
        impressions = [shown(T0, rows=(0,)), shown(T0 + 1, rows=(0,)), shown(T0 + DAY + 1, rows=(0,))]
        raws = replay_impressions(log.facts, impressions, 0, "text")
        assert [len(raw.compared.kinds) for raw in raws] == seen


def test_impressions_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="sorted by horizon"):
        list(replay_impressions([], [shown(T0), shown(T0 - 1)], 0))


def test_a_candidate_the_log_has_not_named_yet_is_new_and_unknown() -> None:
    raw = next(replay_impressions([], [shown(T0, rows=(3,))], 0))
    told = dict(zip(NAMES, compute(raw)[0].tolist(), strict=True))
    assert (told["age_hours"], told["first_seen_hours"], told["log_views_168h"]) == (0.0, 0.0, 0.0)
    assert np.isnan(told["title_chars"])


def test_replaying_a_whole_world_never_sees_ahead() -> None:
    """Every impression of an imported world against the same log cut at its instant."""
    log = world(items=150, users=5, events=700, dimensions=16, imported=True)
    slates = [f for f in log.facts if len(getattr(f, "rows", ())) == 12]
    impressions = [Impression(str(f.offset), f.event.user_id, f.time, f.rows, CONTEXT) for f in slates]  # type: ignore[attr-defined]
    delay = 10 * MINUTE
    together = list(replay_impressions(log.facts, impressions, delay, "text"))
    for k in range(0, len(impressions), 9):
        moment = impressions[k].time
        cut = [f for f in log.facts if f.time < moment or isinstance(f, VectorLanded | QueryEmbedded)]
        alone = next(replay_impressions(cut, [impressions[k]], delay, "text"))
        assert_same_bits(compute(together[k]), compute(alone))


def test_late_facts_are_replayed_in_the_order_of_visibility() -> None:
    log = play(FactLog(imported=True), [("view", 0, 0, HOUR, 0, 0), ("view", 0, 1, 0, 2 * HOUR, 0)])
    early, late = log.facts[1].time, log.facts[0].time
    assert early < late
    views = [
        raw.items.counts[:2, Count.VIEWS, WEEK] > 0
        for raw in replay_impressions(log.facts, [shown(early + 1), shown(late + 1)], 0)
    ]
    assert [v.tolist() for v in views] == [[False, True], [True, True]]


def test_a_candidate_has_the_id_that_its_impression_gives_it_whatever_the_log_says_later() -> None:
    log = FactLog(imported=True)
    log.event(Action.VIEW, "v", ("a100", "a300"), T0 + HOUR, request="later")
    told = replace(shown(T0, rows=(0, 1)), item_ids=("a100", "a300"))
    for impression, numbers in ((told, [100, 300]), (replace(told, item_ids=()), [-1, -1])):
        raw = next(replay_impressions(log.facts, [impression], 0))
        assert raw.items.number.tolist() == numbers
