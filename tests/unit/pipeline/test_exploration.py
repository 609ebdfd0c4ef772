"""Exploration: propensities are the probabilities of what is drawn, under every constraint, and off is off."""

from collections import Counter, defaultdict
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from feedrank.pipeline.rules import NO_RULES, parse_rules
from feedrank.pipeline.selectors import FeedSelector
from feedrank.pipeline.selectors.calibration import NONE
from feedrank.pipeline.selectors.exploration import EpsilonSlice, PlackettLuce, exploring
from feedrank.pipeline.selectors.filling import Greedy
from feedrank.pipeline.selectors.mmr import Diversity
from feedrank.pipeline.stages import Scores
from feedrank.settings import SelectorSettings

PLACKETT_LUCE = SelectorSettings(
    exploration="plackett-luce", explore_from=1, explore_temperature=0.3, diversity=0.0, explore=0.0
)


def feed(world, ask, ids, scores, settings, rules=NO_RULES, **query):
    selector = FeedSelector(settings, rules, world.state.catalog)
    return selector.select(ask(**query), world.candidates(*ids), world.raw(*ids), Scores(np.array(scores, float)))


class Forced:
    """Stands in for a generator, so that every alternative can be drawn once: the k-th of `gumbel`, or of the pool."""

    def __init__(self, k: int) -> None:
        self.k = k

    def gumbel(self, size: int) -> np.ndarray:
        return np.where(np.arange(size) == self.k, 1e9, 0.0)

    def random(self) -> float:
        return 0.0 if self.k >= 0 else 1.0

    def integers(self, n: int) -> int:
        return self.k


@st.composite
def places(draw):
    """Scores, which candidates are allowed, diversity and temperature."""
    n = draw(st.integers(1, 12))
    scores = draw(st.lists(st.floats(-50, 50), min_size=n, max_size=n))
    allowed = draw(st.lists(st.booleans(), min_size=n, max_size=n).filter(any))
    weight = draw(st.sampled_from([0.0, 0.4, 1.0]))
    return np.array(scores), np.array(allowed), weight, draw(st.sampled_from([0.01, 0.3, 10.0]))


@given(place=places(), pool=st.integers(1, 15))
def test_propensities_over_all_alternatives_of_a_place_sum_to_one(place, pool, request):
    world = request.getfixturevalue("world").__class__()
    scores, allowed, weight, temperature = place
    ids = [f"i{k}" for k in range(len(scores))]
    for k, item_id in enumerate(ids):
        world.item(item_id, category="xy"[k % 2])
    raw, ranked = world.raw(*ids), np.argsort(-scores, kind="stable").astype(np.int32)
    settings = SelectorSettings(
        explore=0.3, explore_from=1, explore_pool=pool, explore_temperature=temperature, diversity=weight
    )
    alternatives = min(int(allowed.sum()), pool)
    for slice_ in (False, True):
        found = {}
        for k in range(-1 if slice_ else 0, alternatives):
            diversity = Diversity(raw, scores, ranked, weight, NONE)
            diversity.place(int(np.flatnonzero(allowed)[0]))
            forced = cast(np.random.Generator, Forced(k))
            filling = (
                EpsilonSlice(settings, ranked, diversity, forced)
                if slice_
                else PlackettLuce(settings, diversity, forced)
            )
            pick = filling.pick(1, allowed)
            assert allowed[pick.chosen]
            found[pick.chosen] = pick.propensity
        assert sum(found.values()) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("diversity", [0.0, 0.5])
def test_frequencies_are_the_logged_propensities_under_pins_caps_and_diversity(world, ask, diversity):
    for k, item_id in enumerate("abcdef"):
        world.item(item_id, source="xxyzyz"[k], category="mmnnmm"[k])
    rules = parse_rules(
        '[[rule]]\nname="pin"\ndo="pin"\nposition=2\nitems={item_ids=["f"]}\n'
        '[[rule]]\nname="cap"\ndo="cap"\nmax=1\nper="source"\nitems={sources=["x"]}'
    )
    settings = PLACKETT_LUCE.model_copy(update={"diversity": diversity})
    followed: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    logged: dict[tuple[int, ...], set[float]] = defaultdict(set)
    for seed in range(3_000):
        chosen = feed(world, ask, "abcdef", [4, 3.5, 3, 2, 1, 0], settings, rules, seed=seed, limit=4)
        order = tuple(chosen.order.tolist())
        assert order[1] == 5 and len({0, 1} & set(order)) <= 1
        for place, propensity in enumerate(chosen.propensities.tolist()):
            followed[order[:place]][order[place]] += 1
            logged[order[: place + 1]].add(propensity)
    assert all(len(values) == 1 for values in logged.values())  # a function of what stands above
    judged = 0
    for above, counts in followed.items():
        total = counts.total()
        for item, count in counts.items():
            (propensity,) = logged[(*above, item)]
            if propensity == 1.0:
                assert count == total
            elif total > 200:
                judged += 1
                assert stats.binomtest(count, total, propensity).pvalue > 1e-5
    assert judged > 10


def test_whole_orders_have_plackett_luce_probabilities(world, ask):
    for item_id in "abcd":
        world.item(item_id)
    scores = np.array([3.0, 2.0, 1.5, 0.0])
    utility = np.exp((scores - scores.min()) / (scores.max() - scores.min()) / 0.3)
    orders: Counter[tuple[int, ...]] = Counter()
    for seed in range(4_000):
        chosen = feed(world, ask, "abcd", scores, PLACKETT_LUCE, seed=seed, limit=2)
        i, j = chosen.order.tolist()
        expected = (utility[i] / utility.sum(), utility[j] / (utility.sum() - utility[i]))
        assert chosen.propensities.tolist() == pytest.approx(expected, rel=1e-6)
        orders[i, j] += 1
    for (i, j), count in orders.items():
        p = utility[i] / utility.sum() * utility[j] / (utility.sum() - utility[i])
        assert stats.binomtest(count, 4_000, p).pvalue > 1e-5


def test_it_spares_the_top_and_the_callers_own_candidates(world, ask):
    for k in range(10):
        world.item(f"i{k}")
    ids = [f"i{k}" for k in range(10)]
    wild = PLACKETT_LUCE.model_copy(update={"explore_from": 4, "explore_temperature": 100.0})
    chosen = feed(world, ask, ids, range(10, 0, -1), wild)
    assert chosen.order[:3].tolist() == [0, 1, 2] and (chosen.propensities[:3] == 1).all()
    assert chosen.exploring.tolist() == [False] * 3 + [True] * 6 + [False]  # the last has no alternative
    own = feed(world, ask, ids, range(10, 0, -1), wild, candidate_ids=tuple(ids))
    assert own.order.tolist() == list(range(10)) and not own.exploring.any()


def test_off_makes_no_generator_and_draws_nothing(world, ask, monkeypatch):
    world.item("a")
    ranked = np.zeros(1, np.int32)
    diversity = Diversity(world.raw("a"), np.zeros(1), ranked, 0.0, NONE)

    def no_generator(*seed: object) -> None:
        raise AssertionError("a generator was made")

    monkeypatch.setattr(np.random, "default_rng", no_generator)
    assert isinstance(exploring(SelectorSettings(explore=0.0), ask(), ranked, diversity), Greedy)
    assert isinstance(exploring(PLACKETT_LUCE, ask(candidate_ids=("a",)), ranked, diversity), Greedy)
