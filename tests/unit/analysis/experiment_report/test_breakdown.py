"""Effects by treatment, day, segment and session: each against a count by hand, p values against statsmodels."""

from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from feedrank.analysis.experiment_report import Decision
from feedrank.analysis.experiment_report.definitions import Role
from feedrank.types import DAY, HOUR, MINUTE, SECOND, Action
from tests.experiment_shop import DEFINITION, END_OF, PLACES, START, Shop, reading, report_of

THREE = """
[[experiment]]
name = "ranker-7"
salt = "ranker-7"
layer = "ranking"
variant = [
    { name = "control", weight = 34 },
    { name = "good", weight = 33, settings = { selector.diversity = 0.3 } },
    { name = "same", weight = 33, settings = { selector.diversity = 0.2 } },
]
"""


def test_several_treatments_are_judged_each_and_corrected_together(shop: Shop) -> None:
    shop.define(THREE)
    rng = np.random.default_rng(3)
    for n in range(1_500):
        variant, rate = (("control", 0.1), ("good", 0.18), ("same", 0.1))[n % 3]
        for day in range(3):
            time = START + day * DAY + n * MINUTE // 2
            request = shop.slate(f"u{n}", time, variant)
            shop.answer(f"u{n}", time, request, np.flatnonzero(rng.random(PLACES) < rate).tolist())
    report = report_of(shop, horizon=START + 2 * DAY + 12 * HOUR)
    decisions = {v.treatment: v.decision for v in report.verdicts}
    assert decisions == {"good": Decision.SHIP, "same": Decision.STOP}, report.verdicts
    for roles, method in (((Role.PRIMARY,), "holm"), ((Role.GUARDRAIL, Role.SECONDARY), "fdr_bh")):
        members = [r for r in report.readings if r.metric.role in roles and np.isfinite(r.p_fixed)]
        assert len({r.treatment for r in members}) == 2
        expected = multipletests([r.p_fixed for r in members], method=method)[1]
        assert [r.p_adjusted for r in members] == pytest.approx(expected)


def rate_of(shop: Shop, users: set[str], until: int) -> float:
    """Clicks by items seen, counted in the events themselves."""
    mine = [e for e in shop.events if e.user_id in users and e.time < until]
    clicks = sum(e.action is Action.CLICK for e in mine)
    return clicks / sum(len(e.item_ids) for e in mine if e.action is Action.VIEW)


def test_a_day_says_what_a_report_at_its_end_would_have_said(shop: Shop) -> None:
    shop.define()
    shop.live(600, 4, (0.1, 0.14))
    arms = [{f"u{n}" for n in range(arm, 600, 2)} for arm in (0, 1)]
    expected = [[rate_of(shop, arm, START + (day + 1) * DAY) for arm in arms] for day in range(4)]
    report = report_of(shop)
    days = report.days["new"]
    assert [d.day for d in days] == [0, 1, 2, 3]
    for day, (control, treated) in zip(days, expected, strict=True):
        assert (day.reading.control_value, day.reading.treatment_value) == pytest.approx((control, treated))
    widths = [d.reading.fixed[1] - d.reading.fixed[0] for d in days]
    assert widths == sorted(widths, reverse=True)
    assert days[-1].reading.fixed == pytest.approx(reading(report, "ctr").fixed)


def test_a_segment_says_what_its_readers_did_and_finds_whom_it_helps(shop: Shop) -> None:
    """Only readers on a phone click more."""
    shop.define()
    rng = np.random.default_rng(4)
    for n in range(1_200):
        device = ("mobile", "desktop")[n // 2 % 2]
        helped = n % 2 and device == "mobile"
        for day in range(3):
            time = START + day * DAY + n * SECOND
            request = shop.slate(f"u{n}", time, ("control", "new")[n % 2], device=device)
            clicked = np.flatnonzero(rng.random(PLACES) < (0.2 if helped else 0.1)).tolist()
            shop.answer(f"u{n}", time, request, clicked)
    groups = {
        (device, arm): {f"u{n}" for n in range(arm, 1_200, 2) if n // 2 % 2 == place}
        for place, device in enumerate(("mobile", "desktop"))
        for arm in (0, 1)
    }
    expected = {group: rate_of(shop, users, END_OF[4]) for group, users in groups.items()}
    segments = {s.value: s.reading for s in report_of(shop).segments["new"]}
    assert set(segments) == {"mobile", "desktop"}
    for device, found in segments.items():
        values = (expected[device, 0], expected[device, 1])
        assert (found.control_value, found.treatment_value) == pytest.approx(values)
    assert segments["mobile"].p_adjusted < 1e-6 < 0.01 < segments["desktop"].p_adjusted
    p = [r.p_sequential for r in segments.values()]
    adjusted = [r.p_adjusted for r in segments.values()]
    assert adjusted == pytest.approx(multipletests(p, method="fdr_bh")[1])


def answer_in(shop: Shop, session: str, user: str, time: int, request: str, clicked: list[int]) -> None:
    """As `Shop.answer` does, in a session."""
    shop.answer(user, time, request, clicked)
    answers = [e for e in shop.events if e.request_id == request]
    shop.events = [e for e in shop.events if e.request_id != request] + [
        replace(e, session_id=session) for e in answers
    ]


def test_an_experiment_by_session_counts_sessions_whoever_they_are(shop: Shop) -> None:
    """One reader has sessions in both variants: two units, and nobody in two variants."""
    shop.define(DEFINITION.replace('layer = "ranking"', 'layer = "ranking"\nunit = "session"'))
    rng = np.random.default_rng(5)
    clicks = [0, 0]
    for n in range(400):
        user, session, time = f"u{n // 4}", f"s{n}", START + n * MINUTE
        request = shop.slate(user, time, ("control", "new")[n % 2], unit="session", session=session)
        clicked = np.flatnonzero(rng.random(PLACES) < 0.15).tolist()
        clicks[n % 2] += len(clicked)
        answer_in(shop, session, user, time, request, clicked)
    shop.slate("u1", START + HOUR, "new", unit="request")  # neither a session nor a user of this experiment's kind
    report = report_of(shop)
    assert report.population.counts == (200, 200)
    left_out = report.population.left_out
    assert (left_out.crossed_units, left_out.unidentified_slates) == (0, 1)
    ctr, per_unit = reading(report, "ctr"), reading(report, "clicks_per_user")
    assert (ctr.control_value, ctr.treatment_value) == pytest.approx([c / (200 * PLACES) for c in clicks])
    assert (per_unit.control_value, per_unit.treatment_value) == pytest.approx([c / 200 for c in clicks])
