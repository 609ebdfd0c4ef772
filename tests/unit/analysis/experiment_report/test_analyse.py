"""Whole experiments in a real store: the right verdict for good, bad and equal ones, and for a duel."""

import numpy as np
import pytest

from feedrank.analysis.experiment_report import Decision
from feedrank.analysis.experiment_report.interleaved import preference_of
from feedrank.types import DAY, Action, Event, UserId
from tests.experiment_shop import START, Shop, decision, reading, report_of


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


def test_too_few_users_are_not_taken_at_their_word(shop: Shop) -> None:
    shop.define()
    shop.live(60, 3, (0.02, 0.6))
    report = report_of(shop)
    assert decision(report) is Decision.WAIT
    assert "needs at least 100 users an arm, and has 30" in report.verdicts[0].why


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
