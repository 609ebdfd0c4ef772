"""The evidence in small: the same simulations, fewer of them, within bounds that chance leaves once in 10,000."""

import numpy as np
import pytest
from scipy import stats

from feedrank.analysis.evidence import aa, coverage, few_events, interleaving, peeking, planted, simulated_policies
from feedrank.analysis.evidence.claims import Claim, rate
from feedrank.analysis.evidence.visits import Metric, draw

CHANCE = 1e-4


def band(share: float, count: int) -> tuple[float, float]:
    """What a binomial share of `count` stays within, but for once in ten thousand."""
    low, high = stats.binom.ppf((CHANCE / 2, 1 - CHANCE / 2), count, share) / count
    return float(low), float(high)


def inside(claims: tuple[Claim, ...], share: float, count: int) -> None:
    low, high = band(share, count)
    assert [(c.what, c.measured) for c in claims if not low <= c.measured <= high] == []


def test_the_simulated_readers_are_what_their_truth_says() -> None:
    visits = draw(np.random.default_rng(0), 1, 200_000, 1.2)
    for metric in Metric:
        columns = metric.columns(visits)[0]
        value = columns[:, 0].sum() / columns[:, 1].sum()
        assert value == pytest.approx(metric.truth(1.2), rel=0.015)


def test_tests_of_nothing_are_called_as_often_as_they_say() -> None:
    inside(aa.run(600).claims, 0.05, 600)
    planted_split, even = aa.split_alarms(2_000)
    assert planted_split.measured > 0.99
    assert even.holds


def test_peeking_breaks_the_fixed_test_and_not_the_always_valid_one() -> None:
    outcome = peeking.run(200)
    always_valid = [c.measured for c in outcome.claims if "always valid" in c.what]
    misused = [c.measured for c in outcome.claims if "misused" in c.what]
    assert max(always_valid) <= band(0.05, 200)[1]
    assert min(misused) > 0.1
    assert np.all(np.diff(outcome.naive_by_day) >= 0)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    inside(coverage.run(300), 0.95, 300)
    tails = coverage.heavy_tails(300)
    assert tails[-1].enough and not tails[0].enough
    inside((tails[-1].coverage,), 0.95, 300)


def test_a_planted_effect_is_found_as_often_as_planned() -> None:
    outcome = planted.run(150)
    low, high = band(0.8, 150)
    assert [c for c in outcome.power if not low - 0.02 <= c.measured <= high + 0.02] == []  # plans err towards more
    assert outcome.users[Metric.MEAN_CUPED.value] < outcome.users[Metric.MEAN.value]


def test_interleaving_drafts_in_turn_and_credits_nobody_where_both_agree() -> None:
    rng = np.random.default_rng(1)
    first, second = np.arange(12), np.array([0, 5, 4, 3, 2, 1, 11, 10, 9, 8, 7, 6])
    items, teams = interleaving.team_draft(rng, first, second, 500)
    assert all(len(set(row)) == interleaving.PLACES for row in items.tolist())
    assert (items[:, 0] == 0).all() and (teams[:, 0] == 0).all()  # both wanted it
    # the loser of the first coin drafts next, then a coin again
    assert {tuple(row[:3]) for row in items.tolist()} == {(0, 1, 5), (0, 1, 2), (0, 5, 1), (0, 5, 4)}
    assert abs(float((teams == 1).sum() - (teams == 2).sum())) < 4 * np.sqrt(500 * interleaving.PLACES)


def test_three_places_of_plackett_luce_by_enumeration() -> None:
    rng = np.random.default_rng(2)
    first = rng.dirichlet(np.ones(5), 3)
    found = simulated_policies.place_probabilities(first)
    for v, p in enumerate(first):
        brute = np.zeros((3, 5))
        for a in range(5):
            brute[0, a] += p[a]
            for b in set(range(5)) - {a}:
                two = p[a] * p[b] / (1 - p[a])
                brute[1, b] += two
                for c in set(range(5)) - {a, b}:
                    brute[2, c] += two * p[c] / (1 - p[a] - p[b])
        assert found[:, v] == pytest.approx(brute)
    assert found.sum(axis=2) == pytest.approx(np.ones((3, 3)))


def test_off_policy_intervals_hold_the_simulators_truth() -> None:
    claims = tuple(c for c in simulated_policies.coverage(60) if c.target.startswith("at least"))
    assert len(claims) == 5
    inside(claims, 0.95, 60)


def test_a_rate_has_its_exact_interval() -> None:
    claim = rate("heads", "0.5", 3, 10, 0.4, 0.6)
    assert (claim.low, claim.high) == pytest.approx((0.0667, 0.6525), abs=1e-4)
    assert not claim.holds


def test_a_guardrail_at_its_margin_is_said_to_hold_or_broken_as_seldom_as_it_says() -> None:
    claims = few_events.exact((0.25, 4.0), (0.3, 10.0))
    assert [c for c in claims if not 0.0 < c.measured <= few_events.TAIL] == []
    once, twice, thrice = few_events.clustered(500)
    assert once.measured <= band(few_events.TAIL, 500)[1]
    assert thrice.measured > twice.measured > once.measured  # beyond what LARGEST_UNSEEN allows for
    for claim in few_events.peeked(100)[::2]:
        assert claim.measured <= band(0.05, 100)[1]
