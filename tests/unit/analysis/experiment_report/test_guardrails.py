"""Guardrails in whole experiments: relative and absolute margins, many events and few, and none."""

from feedrank.analysis.experiment_report import Decision, Question, analyse, load_definitions
from feedrank.analysis.experiment_report.definitions import Rules
from feedrank.types import SECOND, Action, Event
from tests.experiment_shop import END_OF, NAME, Shop, decision, reading, report_of


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


def test_a_guardrail_without_a_value_does_not_hold(shop: Shop) -> None:
    """On its first day nobody knows who will come back."""
    shop.define()
    shop.live(1_400, 1, (0.05, 0.3))
    report = report_of(shop, horizon=END_OF[1])
    assert decision(report) is Decision.STOP
    assert "“Days that are followed by another”, a guardrail, has no value in one arm" in report.verdicts[0].why
