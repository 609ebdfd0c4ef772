"""Interleaved feeds: drafted as the paper says, fair to both teams, within pins and caps, and logged."""

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from feedrank.features import compute
from feedrank.pipeline.margins import RIVAL
from feedrank.pipeline.rules import NO_RULES, parse_rules
from feedrank.pipeline.scorers import PairScorer, PriorScorer
from feedrank.pipeline.selectors import FeedSelector
from feedrank.pipeline.stages import Scores
from feedrank.settings import SelectorSettings

PLAIN = SelectorSettings(diversity=0.0, explore=0.5, explore_from=1)  # exploration is not for drafted feeds
NAMES = ("one", "two")


def draft(world, ask, ids, first, second, rules=NO_RULES, settings=PLAIN, extra=None, **query):
    selector = FeedSelector(settings, rules, world.state.catalog, NAMES)
    first, second = np.array(first, float), np.array(second, float)
    columns = {"margin": first, RIVAL: second, **(extra or {})}
    final = first + sum(c for n, c in columns.items() if n.startswith("rule:"))
    return selector.select(ask(**query), world.candidates(*ids), world.raw(*ids), Scores(final, columns))


def team_draft(first: list[int], second: list[int], coins: list[int], limit: int) -> tuple[list[int], list[int]]:
    """Algorithm 2 of the paper, on two rankings; `coins` say who goes first where both have as many picks."""
    order: list[int] = []
    teams: list[int] = []
    while len(order) < limit and len(order) < len(first):
        one, two = teams.count(1), teams.count(2)
        turn = 1 if one < two or (one == two and coins.pop(0) == 0) else 2
        ranking = first if turn == 1 else second
        order.append(next(i for i in ranking if i not in order))
        teams.append(turn)
    return order, teams


def test_feeds_are_drafted_as_the_paper_says(world, ask):
    ids = [f"i{k}" for k in range(8)]
    for item_id in ids:
        world.item(item_id)
    rng = np.random.default_rng(3)
    for seed in range(40):
        first, second = rng.permutation(8), rng.permutation(8)
        chosen = draft(world, ask, ids, first, second, seed=seed, limit=6)
        starts = [t - 1 for t in chosen.teams.tolist()[::2]]  # who went first in each round
        expected = team_draft(np.argsort(-first).tolist(), np.argsort(-second).tolist(), starts, 6)
        assert (chosen.order.tolist(), chosen.teams.tolist()) == expected
        assert Counter(chosen.teams.tolist()) == {1: 3, 2: 3}
        assert chosen.team_names == NAMES


def test_coins_are_fair_and_propensities_count_both_ways_they_fall(world, ask):
    for item_id in "abcd":
        world.item(item_id)
    heads: Counter[int] = Counter()
    for seed in range(1_000):
        chosen = draft(world, ask, "abcd", [4, 3, 2, 1], [1, 2, 3, 4], seed=seed, limit=2)
        heads[chosen.order[0]] += 1
        assert chosen.propensities.tolist() == [0.5, 1.0] and chosen.exploring.tolist() == [True, False]
        same = draft(world, ask, "abcd", [4, 3, 2, 1], [4, 3, 2, 1], seed=seed, limit=2)
        assert same.order.tolist() == [0, 1] and (same.propensities == 1).all()
    assert set(heads) == {0, 3} and stats.binomtest(heads[0], 1_000, 0.5).pvalue > 1e-4


def test_pins_belong_to_nobody_and_caps_bind_both_teams(world, ask):
    for k, item_id in enumerate("abcdef"):
        world.item(item_id, source="xxxyyz"[k])
    rules = parse_rules(
        '[[rule]]\nname="pin"\ndo="pin"\nposition=2\nitems={item_ids=["f"]}\n'
        '[[rule]]\nname="cap"\ndo="cap"\nmax=1\nper="source"'
    )
    for seed in range(20):
        chosen = draft(world, ask, "abcdef", [6, 5, 4, 3, 2, 1], [4, 5, 6, 2, 3, 1], rules, seed=seed)
        assert chosen.order[1] == 5 and chosen.teams[1] == 0
        assert len(chosen.order) == 3  # one a source


def test_boosts_and_buries_hold_for_both_teams(world, ask):
    for item_id in "abc":
        world.item(item_id)
    buried = {"rule:less": np.array([-10.0, 0.0, 0.0])}
    for seed in range(10):
        chosen = draft(world, ask, "abc", [3, 2, 1], [3, 1, 2], extra=buried, seed=seed)
        assert chosen.order[-1] == 0


def test_a_rival_that_gives_no_numbers_sinks_its_items_and_drafts_on(world, ask):
    for item_id in "abc":
        world.item(item_id)
    chosen = draft(world, ask, "abc", [3, 2, 1], [np.nan, np.inf, 1], limit=3)
    assert sorted(chosen.order.tolist()) == [0, 1, 2]


def test_without_a_rival_column_it_is_an_ordinary_feed_of_no_teams(world, ask):
    for item_id in "abc":
        world.item(item_id)
    selector = FeedSelector(SelectorSettings(diversity=0, explore=0), NO_RULES, world.state.catalog, NAMES)
    scores = Scores(np.array([1.0, 2.0, 3.0]), {"margin": np.array([1.0, 2.0, 3.0])})
    chosen = selector.select(ask(), world.candidates(*"abc"), world.raw(*"abc"), scores)
    assert chosen.order.tolist() == [2, 1, 0] and not len(chosen.teams) and chosen.team_names == ()


class Reader:
    """A scorer that reads two features and adds them."""

    name = "reader"

    def __init__(self, *features: str) -> None:
        self.features = features

    def score(self, rows):
        return {"margin": rows.sum(axis=1).astype(float)}

    def contributions(self, rows):
        return np.concatenate([rows.astype(float), np.full((len(rows), 1), 0.5)], axis=1)


def test_a_pair_gives_each_model_the_very_rows_it_reads_alone(world):
    for k in range(5):
        world.item(f"i{k}", category="x")
    raw = world.raw(*[f"i{k}" for k in range(5)])
    prior, reader = PriorScorer(), Reader("age_hours", "log_views_1h", "title_chars")
    pair = PairScorer(prior, reader)
    assert len(set(pair.features)) == len(pair.features) >= len(prior.features)
    scores = pair.score(compute(raw, pair.features))
    np.testing.assert_array_equal(scores["margin"], prior.score(compute(raw, prior.features))["margin"])
    np.testing.assert_array_equal(scores[RIVAL], reader.score(compute(raw, reader.features))["margin"])
    table = pair.contributions(compute(raw, pair.features))
    assert table.sum(axis=1) == pytest.approx(scores["margin"])
