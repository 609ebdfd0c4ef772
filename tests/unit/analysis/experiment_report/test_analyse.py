"""Whole experiments in a real store: the right verdict for good, bad, equal and broken ones."""

from typing import Any

import numpy as np
import pytest

from feedrank.analysis.experiment_report import Decision, Question, Report, analyse, load_definitions
from feedrank.analysis.experiment_report.definitions import Rules
from feedrank.analysis.experiment_report.interleaved import preference_of
from feedrank.errors import InvalidInput, NotFound
from feedrank.store import StoredSlate
from feedrank.types import DAY, HOUR, MINUTE, SECOND, Action, Event, UserId
from feedrank.v1 import log_pb2 as log
from tests.experiment_shop import DEFINITION, NAME, PLACES, START, Shop

END_OF = {days: START + (days - 1) * DAY + 19 * HOUR for days in range(1, 6)}  # when the last readers come


def report_of(shop: Shop, **more: Any) -> Report:
    return analyse(shop.written(), Question(NAME, **more), load_definitions())


def decision(report: Report) -> Decision:
    (verdict,) = report.verdicts
    return verdict.decision


def reading(report: Report, name: str) -> Any:
    return next(r for r in report.readings if r.metric.name == name)


def test_a_better_variant_ships(shop: Shop) -> None:
    shop.define()
    shop.live(1_400, 5, (0.08, 0.13))
    report = report_of(shop)
    assert decision(report) is Decision.SHIP, report.verdicts
    assert report.population.counts == (700, 700)
    ctr = reading(report, "ctr")
    assert 0.3 < ctr.relative < 0.95
    assert ctr.sequential[0] < ctr.fixed[0] < ctr.relative < ctr.fixed[1] < ctr.sequential[1]
    assert ctr.sequential[0] > 0
    assert ctr.treatment_value == pytest.approx(0.13, rel=0.1)
    assert report.verdicts[0].sentence.startswith("Ship 'new': “Click rate of what was seen” is better, by +")


def test_a_worse_variant_does_not(shop: Shop) -> None:
    shop.define()
    shop.live(800, 4, (0.13, 0.08))
    report = report_of(shop)
    assert decision(report) is Decision.STOP
    assert "got worse" in report.verdicts[0].why


def test_equal_variants_keep_running_and_end_without_a_winner_at_the_planned_end(shop: Shop) -> None:
    shop.define()
    shop.live(400, 6, (0.1, 0.1))
    assert decision(report_of(shop)) is Decision.WAIT
    final = report_of(shop, horizon=START + 5 * DAY)
    assert final.final and final.until == START + 5 * DAY
    assert decision(final) is Decision.STOP
    assert "at the planned end no difference is shown" in final.verdicts[0].why


def test_what_readers_did_before_narrows_the_interval(shop: Shop) -> None:
    shop.define()
    shop.live(600, 4, (0.1, 0.1), before_days=5)
    report = report_of(shop)
    assert reading(report, "clicks_per_user").reduction > 0.2
    assert {s.name for s in report.segments["new"]} == {"device"}
    assert len(report.days["new"]) == 4


def test_a_guardrail_beyond_its_margin_stops_a_winner(shop: Shop) -> None:
    shop.define()
    shop.live(1_000, 4, (0.08, 0.13))
    hidden = [e for e in shop.events if e.action is Action.VIEW and int(e.user_id[1:]) % 2]
    for e in hidden:
        event = Event(f"{e.event_id}:hide", e.user_id, e.time + SECOND, Action.HIDE, "a1", request_id=e.request_id)
        shop.events.append(event)
    for e in [e for e in shop.events if e.action is Action.VIEW and not int(e.user_id[1:]) % 8]:
        event = Event(f"{e.event_id}:hide", e.user_id, e.time + SECOND, Action.HIDE, "a1", request_id=e.request_id)
        shop.events.append(event)
    report = report_of(shop)
    assert decision(report) is Decision.STOP, (report.verdicts, reading(report, "hides_per_view"))
    assert "“Hides of what was seen” got worse by more than 25%" in report.verdicts[0].why


def hide(shop: Shop, *users: int, times: int = 1) -> None:
    """The first items a reader saw, hidden, each in a view of its own."""
    for user in users:
        views = [e for e in shop.events if e.action is Action.VIEW and e.user_id == f"u{user}"][:times]
        for e in views:
            event = Event(f"{e.event_id}:hide", e.user_id, e.time + SECOND, Action.HIDE, "a1", request_id=e.request_id)
            shop.events.append(event)


def test_a_single_hide_does_not_stop_a_winner_whose_margin_it_cannot_reach(shop: Shop) -> None:
    shop.define()
    shop.live(1_000, 5, (0.08, 0.13))
    hide(shop, 1)
    for final in (False, True):
        report = report_of(shop, horizon=END_OF[5] if final else 0)
        hides = reading(report, "hides_per_view")
        assert report.final is final
        assert decision(report) is Decision.SHIP, report.verdicts
        assert hides.seen == (0, 1) and hides.relative != hides.relative and hides.p_adjusted != hides.p_adjusted
        assert hides.bounds(final)[1] > 0.25 > 0.001 > hides.effect_bounds(final)[1] > 0
        assert "within its margin (hides by views: 1 in all, at most +0.000" in report.verdicts[0].why


def test_few_hides_among_few_views_are_not_shown_to_be_harmless(shop: Shop) -> None:
    shop.define()
    shop.live(500, 2, (0.06, 0.3))
    hide(shop, 1)
    tuned = load_definitions().model_copy(update={"rules": Rules(planned_effect=1.0)})
    running = analyse(shop.written(), Question(NAME), tuned)
    assert decision(running) is Decision.WAIT
    assert (
        "“Hides of what was seen” is not shown to be within its margin of 25% or 0.001 (hides by views: 1 in all, at "
        "most +0.00"
    ) in running.verdicts[0].why
    assert decision(report_of(shop, horizon=END_OF[2])) is Decision.STOP


def test_few_hides_that_are_all_in_one_variant_stop_it(shop: Shop) -> None:
    shop.define()
    shop.live(500, 2, (0.06, 0.3))
    hide(shop, *range(1, 120, 2))
    report = report_of(shop, horizon=END_OF[2])
    assert decision(report) is Decision.STOP
    assert "got worse by more than 25% and 0.001, hides by views: 60 in all, at least +0.0" in report.verdicts[0].why


def test_many_hides_are_within_the_absolute_margin_by_the_normal_interval(shop: Shop) -> None:
    """A team that allows three hides in a hundred more: a third more hides is more than 25%, and immaterial."""
    shop.define()
    shop.live(1_000, 4, (0.08, 0.13))
    hide(shop, *range(0, 1_000, 4), *range(1, 1_000, 4), times=3)
    hide(shop, *range(3, 300, 4), times=4)
    definitions = load_definitions()
    metrics = [
        m.model_copy(update={"absolute_margin": 0.03}) if m.name == "hides_per_view" else m for m in definitions.metric
    ]
    allowing = definitions.model_copy(update={"metric": tuple(metrics)})
    report = analyse(shop.written(), Question(NAME, horizon=END_OF[4]), allowing)
    hides = reading(report, "hides_per_view")
    assert hides.seen is None and hides.relative > 0.25
    assert decision(report) is Decision.SHIP, report.verdicts
    strict = analyse(shop.store, Question(NAME, horizon=END_OF[4]), definitions)
    assert decision(strict) is Decision.STOP


def test_a_guardrail_without_a_value_does_not_hold(shop: Shop) -> None:
    """On its first day nobody knows who will come back."""
    shop.define()
    shop.live(1_400, 1, (0.05, 0.3))
    report = report_of(shop, horizon=END_OF[1])
    assert decision(report) is Decision.STOP
    assert "“Days that are followed by another”, a guardrail, has no value in one arm" in report.verdicts[0].why


def test_too_few_users_are_not_taken_at_their_word(shop: Shop) -> None:
    shop.define()
    shop.live(60, 3, (0.02, 0.6))
    report = report_of(shop)
    assert decision(report) is Decision.WAIT
    assert "needs at least 100 users an arm, and has 30" in report.verdicts[0].why


def test_a_split_that_is_off_breaks_it(shop: Shop) -> None:
    shop.define()
    shop.live(600, 2, (0.05, 0.3))
    gone = {f"u{n}" for n in range(1, 600, 2) if n % 3 == 0}
    shop.slates = [s for s in shop.slates if s.user_id not in gone]
    report = report_of(shop)
    assert decision(report) is Decision.BROKEN
    assert "the split is off: 300 : 200 users where 250 : 250 were planned" in report.verdicts[0].why


def test_an_empty_variant_breaks_it(shop: Shop) -> None:
    shop.define()
    shop.live(200, 2, (0.1, 0.1))
    shop.slates = [s for s in shop.slates if not int(s.user_id[1:]) % 2]
    report = report_of(shop)
    assert decision(report) is Decision.BROKEN
    assert "variant 'new' has no user at all" in report.verdicts[0].why
    assert not report.readings


def test_no_data_and_no_such_experiment_are_said_plainly(shop: Shop) -> None:
    shop.live(4, 1, (0.1, 0.1))
    with pytest.raises(NotFound, match="'other' is neither defined in the log nor named by any slate"):
        analyse(shop.written(), Question("other"), load_definitions())
    shop.define(
        '[[experiment]]\nname = "idle"\nsalt = "idle"\nlayer = "x"\n'
        'variant = [{ name = "a", weight = 50 }, { name = "b", weight = 50 }]'
    )
    with pytest.raises(InvalidInput, match="experiment 'idle' has no data"):
        analyse(shop.store, Question("idle"), load_definitions())


def test_exposures_sent_twice_count_once(shop: Shop) -> None:
    shop.define()
    shop.live(300, 3, (0.1, 0.1))
    once = report_of(shop)
    for stored in list(shop.store.slates(0, 2**62))[:50]:
        shop.slates.append(type(stored)(stored.request_id, stored.user_id, stored.time + HOUR, stored.body))
    twice = report_of(shop)
    assert twice.population.left_out.duplicated_slates == 50
    assert [r.effect for r in twice.readings] == pytest.approx([r.effect for r in once.readings], nan_ok=True)
    assert any("50 slates were logged again" in w for w in twice.health.warnings)


def test_an_exposure_logged_twice_in_one_slate_counts_once(shop: Shop) -> None:
    shop.define()
    shop.live(300, 3, (0.1, 0.1))
    shop.slates = [_with_every_exposure_twice(stored) for stored in shop.slates]
    report = report_of(shop)
    assert report.population.counts == (150, 150)
    assert len(report.population.slates) == len(list(shop.store.slates(0, 2**62)))
    assert report.population.left_out.crossed_units == 0 and not report.health.broken


def _with_every_exposure_twice(stored: StoredSlate) -> StoredSlate:
    slate = log.Slate.FromString(stored.body)
    slate.exposures.extend(list(slate.exposures))
    return StoredSlate(stored.request_id, stored.user_id, stored.time, slate.SerializeToString())


def test_a_variant_the_definition_does_not_have_is_named(shop: Shop) -> None:
    shop.define()
    shop.live(20, 1, (0.1, 0.1))
    shop.slate("u99", START + HOUR, "other")
    with pytest.raises(InvalidInput, match="name variant 'other', which its definition does not have: control, new"):
        report_of(shop)


def test_a_program_that_stays_below_the_limit_gives_no_winner(shop: Shop) -> None:
    """999 clicks a day are no bot by the rule; then it is the skewness that forbids a verdict."""
    shop.define()
    shop.live(600, 5, (0.1, 0.1))
    for day in range(5):
        for n in range(30):
            time = START + day * DAY + n * MINUTE
            request = shop.slate("eager", time, "new", request_id=f"eager{day}-{n}")
            shop.answer("eager", time, request, range(PLACES))
    for horizon in (0, END_OF[5]):
        report = report_of(shop, horizon=horizon)
        assert report.population.left_out.bots == {} and report.population.counts == (300, 301)
        assert decision(report) is Decision.WAIT, report.verdicts
        assert "needs at least" in report.verdicts[0].why


def test_one_reader_who_hides_all_day_violates_no_guardrail(shop: Shop) -> None:
    shop.define()
    shop.live(1_000, 4, (0.08, 0.13))
    view = next(e for e in shop.events if e.action is Action.VIEW and e.user_id == "u1")
    for i in range(900):
        time = view.time + i * SECOND // 100
        event = Event(f"angry{i}", view.user_id, time, Action.HIDE, f"a{i % 10}", request_id=view.request_id)
        shop.events.append(event)
    report = report_of(shop, horizon=END_OF[4])
    assert reading(report, "hides_per_view").seen == (0, 900)
    assert "not shown to be within its margin of 25% or 0.001 (hides by views: 900 in all" in report.verdicts[0].why


def test_a_bot_is_left_out(shop: Shop) -> None:
    shop.define()
    shop.live(400, 3, (0.1, 0.1))
    clean = report_of(shop)
    request = shop.slate("bot", START + HOUR, "new")
    for i in range(100_000):
        time = START + HOUR + i * 1_000
        shop.events.append(Event(f"b{i}", UserId("bot"), time, Action.CLICK, "a1", request_id=request))
    report = report_of(shop)
    assert report.population.left_out.bots == {"new": 1}
    assert report.population.counts == (200, 200)
    assert [r.effect for r in report.readings] == pytest.approx([r.effect for r in clean.readings], nan_ok=True)
    assert any("1 users behave like programs" in w for w in report.health.warnings)


def test_users_of_a_variant_that_did_not_load_count_where_they_were_assigned(shop: Shop) -> None:
    shop.define()
    shop.live(600, 2, (0.1, 0.1))
    for i, n in enumerate(range(1, 600, 2)):
        shop.slate(f"u{n}", START + 2 * DAY, "new", served="control" if i < 12 else "new", request_id=f"late{n}")
    report = report_of(shop)
    assert report.population.counts == (300, 300)
    assert 0 < report.population.fell_back["new"] < 0.05
    assert any("it fell back; they are counted where they were assigned" in w for w in report.health.warnings)
    assert decision(report) is not Decision.BROKEN
    for n in range(1, 600, 2):
        shop.slate(f"u{n}", START + 3 * DAY, "new", served="control", request_id=f"later{n}")
    broken = report_of(shop)
    assert decision(broken) is Decision.BROKEN
    assert "was not what" in broken.verdicts[0].why


def test_users_in_two_variants_are_left_out_and_many_break_it(shop: Shop) -> None:
    shop.define()
    shop.live(400, 2, (0.1, 0.1))
    shop.slate("u0", START + 2 * DAY, "new")
    report = report_of(shop)
    assert report.population.left_out.crossed_units == 1
    assert report.population.counts == (199, 200)
    for n in range(0, 40, 2):
        shop.slate(f"u{n}", START + 2 * DAY, "new", request_id=f"x{n}")
    assert "20 of 400 users were in more than one variant" in report_of(shop).verdicts[0].why


def test_overrides_and_readers_without_an_id_do_not_count(shop: Shop) -> None:
    shop.define()
    shop.live(300, 2, (0.1, 0.1))
    shop.slate("tester", START + HOUR, "new", overridden=True)
    shop.slate("", START + HOUR, "new", unit="request")
    left_out = report_of(shop).population.left_out
    assert (left_out.overridden_slates, left_out.unidentified_slates) == (1, 1)


def test_a_log_without_a_definition_is_read_with_equal_shares(shop: Shop) -> None:
    shop.live(300, 2, (0.1, 0.1))
    report = report_of(shop)
    assert report.design.control == "control"
    assert any("no definition" in w for w in report.health.warnings)
    with pytest.raises(InvalidInput, match="has no variant 'b'"):
        report_of(shop, control="b")
    with pytest.raises(InvalidInput, match="unit 'page'"):
        report_of(shop, unit="page")


def test_slates_that_are_kept_no_longer_are_missed(shop: Shop) -> None:
    dated = DEFINITION.replace('layer = "ranking"', 'layer = "ranking"\nstart = 2025-12-20T00:00:00Z')
    shop.define(dated)
    shop.live(200, 2, (0.1, 0.1))
    assert any("more than a day before the oldest slate" in w for w in report_of(shop).health.warnings)


def test_a_salt_that_changed_breaks_it(shop: Shop) -> None:
    shop.define()
    shop.live(300, 2, (0.1, 0.1))
    shop.define(
        '[[experiment]]\nname = "ranker-7"\nsalt = "other"\nlayer = "ranking"\n'
        'variant = [{ name = "control", weight = 50 }, { name = "new", weight = 50 }]'
    )
    assert "its salt changed while it ran" in report_of(shop).verdicts[0].why


def test_interleaving_gives_a_preference_by_user(shop: Shop) -> None:
    shop.define(
        '[[experiment]]\nname = "ranker-7"\nkind = "interleaving"\nsalt = "s"\nlayer = "ranking"\n'
        'variant = [{ name = "control", model = "prior" }, { name = "new" }]'
    )
    for n in range(300):
        # pairs of picks after a coin; in the first pair both wanted the same item, which is nobody's then
        request = shop.slate(
            f"u{n}", START + n, "interleaved", drafted=[1, 2] * 5, propensities=[1.0, 1.0] + [0.5, 1.0] * 4
        )
        clicked = [0, 1, 3, 5] if n % 3 == 0 else [2] if n % 3 == 1 else [0]
        shop.answer(f"u{n}", START + n, request, clicked)
    request = shop.slate("bot", START, "interleaved", drafted=[1, 2] * 5, propensities=[0.5, 1.0] * 5)
    for i in range(2_000):
        shop.events.append(Event(f"b{i}", UserId("bot"), START + i, Action.CLICK, "a1", request_id=request))
    report = report_of(shop)
    assert not report.verdicts
    preference = report.preference
    assert preference is not None and report.population.left_out.bots == {"interleaved": 1}
    assert (preference.challenger, preference.control, preference.neither) == (100, 100, 100)
    assert preference.mean == 0.0 and preference.sequential[0] < 0 < preference.sequential[1]
    assert (preference.favoured(final=False), preference.favoured(final=True)) == (0, 0)


def test_a_preference_is_shown_by_the_sign_test_at_the_planned_end_and_by_the_wider_interval_before() -> None:
    some = preference_of(np.array([1] * 24 + [-1] * 8 + [0] * 28))
    assert some.p_value < 0.05 and some.sequential[0] < 0
    assert (some.favoured(final=False), some.favoured(final=True)) == (0, 1)
    many = preference_of(np.array([-1] * 600 + [1] * 200))
    assert (many.favoured(final=False), many.favoured(final=True)) == (-1, -1)
