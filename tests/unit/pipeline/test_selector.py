"""The feed selector against brute force, its own propensities, and the rules it must keep."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedrank.pipeline.rules import NO_RULES, parse_rules
from feedrank.pipeline.selectors import FeedSelector
from feedrank.pipeline.stages import Scores
from feedrank.settings import SelectorSettings

PLAIN = SelectorSettings(diversity=0.0, explore=0.0)


def select(world, ask, ids, scores, settings=PLAIN, rules=NO_RULES, **query):
    selector = FeedSelector(settings, rules, world.state.catalog)
    return selector.select(ask(**query), world.candidates(*ids), world.raw(*ids), Scores(np.array(scores, float)))


def test_orders_by_score_with_ties_in_candidate_order(world, ask):
    for item_id in "abcd":
        world.item(item_id)
    selection = select(world, ask, "abcd", [1.0, 3.0, 1.0, 2.0], limit=3)
    assert selection.order.tolist() == [1, 3, 0]
    assert selection.propensities.tolist() == [1.0, 1.0, 1.0]


def test_mmr_equals_its_definition(world, ask):
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((40, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [f"i{k}" for k in range(40)]
    for item_id, vector in zip(ids, vectors, strict=True):
        world.item(item_id, vector=vector)
    scores, weight = rng.standard_normal(40), 0.4
    settings = SelectorSettings(diversity=weight, explore=0.0)
    got = select(world, ask, ids, scores, settings, limit=15).order.tolist()

    stored = vectors.astype(np.float16).astype(np.float64)
    relevance = (scores - scores.min()) / (scores.max() - scores.min())
    wanted: list[int] = []
    for _ in range(15):
        left = [i for i in range(40) if i not in wanted]
        marginal = {
            i: (1 - weight) * relevance[i] - weight * max([0.0, *(float(stored[i] @ stored[j]) for j in wanted)])
            for i in left
        }
        wanted.append(max(left, key=lambda i: marginal[i]))
    assert got == wanted


def test_exploration_logs_the_frequency_with_which_it_draws(world, ask):
    ids = [f"i{k}" for k in range(6)]
    for item_id in ids:
        world.item(item_id)
    settings = SelectorSettings(diversity=0.0, explore=0.5, explore_from=1, explore_pool=4)
    seen: Counter[int] = Counter()
    claimed: dict[int, float] = {}
    rounds = 4_000
    for seed in range(rounds):
        selection = select(world, ask, ids, [6, 5, 4, 3, 2, 1], settings, limit=1, seed=seed)
        first = int(selection.order[0])
        seen[first] += 1
        claimed[first] = float(selection.propensities[0])
    assert claimed == pytest.approx({0: 0.625, 1: 0.125, 2: 0.125, 3: 0.125})
    for i, propensity in claimed.items():
        error = np.sqrt(propensity * (1 - propensity) / rounds)
        assert abs(seen[i] / rounds - propensity) < 4 * error


def test_exploration_spares_the_top_and_a_callers_candidates(world, ask):
    ids = [f"i{k}" for k in range(30)]
    for item_id in ids:
        world.item(item_id)
    settings = SelectorSettings(diversity=0.0, explore=1.0, explore_from=4)
    scores = list(range(30, 0, -1))
    selection = select(world, ask, ids, scores, settings)
    assert selection.order[:3].tolist() == [0, 1, 2]
    assert (selection.propensities[3:] < 1).all()
    own = select(world, ask, ids, scores, settings, candidate_ids=tuple(ids))
    assert own.order.tolist() == list(range(20)) and (own.propensities == 1).all()


def test_pins_hold_their_place_and_wait_for_their_page(world, ask):
    for item_id in "abcde":
        world.item(item_id)
    rules = parse_rules('[[rule]]\nname="pin"\ndo="pin"\nposition=3\nitems={item_ids=["e"]}')
    scores = [5, 4, 3, 2, 9]
    assert select(world, ask, "abcde", scores, rules=rules).order.tolist() == [0, 1, 4, 2, 3]
    assert select(world, ask, "abcde", scores, rules=rules, limit=2).order.tolist() == [0, 1]
    second = select(world, ask, "cde", [3, 2, 9], rules=rules, limit=2, served_before=("a", "b"))
    assert second.order.tolist() == [2, 0]


def test_a_pin_beyond_the_last_candidate_comes_last(world, ask):
    for item_id in "abc":
        world.item(item_id)
    rules = parse_rules('[[rule]]\nname="pin"\ndo="pin"\nposition=9\nitems={item_ids=["a"]}')
    assert select(world, ask, "abc", [9, 2, 1], rules=rules).order.tolist() == [1, 2, 0]


def test_caps_count_over_all_pages_of_a_feed(world, ask):
    for k, source in enumerate("xxyy"):
        world.item(f"i{k}", source=source)
    rules = parse_rules('[[rule]]\nname="cap"\ndo="cap"\nmax=1\nper="source"\nitems={sources=["x"]}')
    second = select(world, ask, ["i1", "i2", "i3"], [3, 2, 1], rules=rules, served_before=("i0", "gone"))
    assert second.order.tolist() == [1, 2]


@given(
    sources=st.lists(st.sampled_from(["x", "y", "z", ""]), min_size=1, max_size=25),
    most=st.integers(0, 3),
    explore=st.sampled_from([0.0, 0.5]),
    seed=st.integers(0, 99),
)
def test_caps_hold_under_any_scores_and_exploration(sources, most, explore, seed, request):
    world = request.getfixturevalue("world").__class__()
    ask = request.getfixturevalue("ask")
    ids = [f"i{k}" for k in range(len(sources))]
    for item_id, source in zip(ids, sources, strict=True):
        world.item(item_id, source=source)
    rules = parse_rules(f'[[rule]]\nname="cap"\ndo="cap"\nmax={most}\nper="source"')
    settings = SelectorSettings(diversity=0.3, explore=explore, explore_from=1)
    scores = np.random.default_rng(seed).standard_normal(len(ids))
    selection = select(world, ask, ids, scores, settings, rules, seed=seed)
    served = Counter(sources[i] for i in selection.order.tolist())
    unlimited = served.pop("", 0)
    assert all(count <= most for count in served.values())
    possible = sum(min(most, n) for name, n in Counter(sources).items() if name) + sources.count("")
    assert sum(served.values()) + unlimited == min(20, possible)
    assert len(set(selection.order.tolist())) == len(selection.order)
    assert ((selection.propensities > 0) & (selection.propensities <= 1)).all()
