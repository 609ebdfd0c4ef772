"""The executor: what each stage's failure means, and that stages cannot break their contracts unnoticed."""

from dataclasses import replace

import numpy as np
import pytest

from feedrank.errors import PipelineError
from feedrank.features import NAMES, compute
from feedrank.pipeline.executor import Pipeline
from feedrank.pipeline.explain import explain
from feedrank.pipeline.filters import AvailableFilter, HiddenFilter
from feedrank.pipeline.rules import NO_RULES, parse_rules
from feedrank.pipeline.selectors import FeedSelector
from feedrank.pipeline.sources import CallerSource
from feedrank.pipeline.stages import Retrieved, Scorer
from feedrank.pipeline.trace import trace
from feedrank.settings import SelectorSettings
from feedrank.types import Action

pytestmark = pytest.mark.filterwarnings("error")


class Fixed:
    """A source that brings what it was given."""

    def __init__(self, name, rows, quota=100):
        self.name, self.quota, self._rows = name, quota, np.array(rows, np.int32)

    def retrieve(self, query, reader):
        return Retrieved(self._rows, np.ones(len(self._rows), np.float32))


class Broken:
    name, quota, always = "broken", 10, True
    features: tuple[str, ...] = ("age_hours",)

    def retrieve(self, query, reader):
        raise RuntimeError("boom")

    def keep(self, query, reader, raw):
        raise RuntimeError("boom")

    def score(self, rows):
        raise RuntimeError("boom")

    def contributions(self, rows):
        raise RuntimeError("boom")


class Young:
    """Scores by youth."""

    name = "young"
    features: tuple[str, ...] = ("age_hours", "ctr_24h")

    def score(self, rows):
        return {"margin": -rows[:, 0].astype(float)}

    def contributions(self, rows):
        return np.stack([-rows[:, 0], np.zeros(len(rows)), np.zeros(len(rows))], axis=1).astype(float)


@pytest.fixture
def pipeline(world):
    for k, item_id in enumerate(("a", "b", "c", "d")):
        world.item(item_id, age_hours=k + 1.0, category="news")
    rows = world.rows("d", "c", "b", "a")
    catalog = world.state.catalog
    return Pipeline(
        hydrate=lambda query: world.reader(),
        sources=(Fixed("fresh", rows), Fixed("trending", rows[2:])),
        caller_source=CallerSource(catalog, 100),
        filters=(AvailableFilter(False), HiddenFilter()),
        scorer=Young(),
        selector=FeedSelector(SelectorSettings(diversity=0, explore=0), NO_RULES, catalog),
        rules=NO_RULES,
        state=world.state,
        lock=world.lock,
        space="",
        total=500,
    )


def served(world, outcome):
    ids = world.state.catalog.ids
    return [ids[row] for row in outcome.candidates.rows[outcome.selection.order]]


def test_ranks_the_union_of_sources(world, ask, pipeline):
    outcome = pipeline.run(ask())
    assert served(world, outcome) == ["a", "b", "c", "d"]
    assert outcome.degraded == ()
    assert outcome.candidates.ranks.tolist() == [[0, -1], [1, -1], [2, 0], [3, 1]]
    assert outcome.state_position == world.offset


def test_features_are_those_of_the_scored_set(world, ask, pipeline):
    world.event(Action.HIDE, "b")
    outcome = pipeline.run(ask())
    assert served(world, outcome) == ["a", "c", "d"]
    assert outcome.dropped_by == {world.rows("b")[0]: "hidden"}
    assert np.array_equal(outcome.rows, compute(world.raw("d", "c", "a"), Young.features))


def test_a_failed_source_is_skipped_and_said(world, ask, pipeline):
    outcome = replace(pipeline, sources=(Broken(), *pipeline.sources)).run(ask())
    assert served(world, outcome) == ["a", "b", "c", "d"]
    assert outcome.degraded == ("source:broken",)


def test_a_failed_filter_fails_the_request(ask, pipeline):
    with pytest.raises(RuntimeError, match="boom"):
        replace(pipeline, filters=(Broken(),)).run(ask())


def test_a_failed_scorer_falls_back_to_rank_fusion(world, ask, pipeline):
    outcome = replace(pipeline, scorer=Broken()).run(ask())
    assert outcome.degraded == ("scorer:broken",)
    expected = {"d": 1 / 61, "c": 1 / 62, "b": 1 / 63 + 1 / 61, "a": 1 / 64 + 1 / 62}
    assert served(world, outcome) == sorted(expected, key=lambda k: -expected[k])


def test_a_scorer_that_drops_is_caught(ask, pipeline):
    class Short(Young):
        def score(self, rows):
            return {"margin": np.zeros(len(rows) - 1)}

    assert replace(pipeline, scorer=Short()).run(ask()).degraded == ("scorer:young",)


def test_a_filter_that_reorders_is_caught(ask, pipeline):
    class Indices(HiddenFilter):
        def keep(self, query, reader, raw):
            return np.arange(len(raw.items.rows))

    with pytest.raises(PipelineError, match="returned int64"):
        replace(pipeline, filters=(Indices(),)).run(ask())


def test_non_finite_scores_sink(world, ask, pipeline):
    class Holes(Young):
        def score(self, rows):
            return {"margin": np.array([np.nan, 1.0, np.inf, 2.0])}

    outcome = replace(pipeline, scorer=Holes()).run(ask())
    assert served(world, outcome) == ["a", "c", "d", "b"]


def test_an_empty_catalog_gives_an_empty_feed(world, ask, pipeline):
    outcome = replace(pipeline, sources=(Fixed("fresh", []),)).run(ask())
    assert outcome.selection.order.size == 0 and outcome.degraded == ()


def test_candidate_ids_are_ranked_alone(world, ask, pipeline):
    outcome = pipeline.run(ask(candidate_ids=("c", "unknown", "a", "a")))
    assert served(world, outcome) == ["a", "c"]
    assert outcome.candidates.sources == ("candidate_ids",)


@pytest.mark.parametrize("broken", [False, True])
def test_explanations_sum_to_the_score_rules_included(world, ask, pipeline, broken):
    rules = parse_rules(
        '[[rule]]\nname="up"\ndo="boost"\namount=10\nitems={item_ids=["d"]}\n'
        '[[rule]]\nname="down"\ndo="bury"\namount=3\nitems={categories=["news"]}'
    )
    scorer: Scorer = Broken() if broken else Young()
    outcome = replace(pipeline, rules=rules, scorer=scorer).run(ask())
    explanations = explain(outcome, scorer, world.state, lambda rows: [""] * len(rows))
    assert len(explanations) == 4
    for place, i in enumerate(outcome.selection.order):
        parts = explanations[place]
        total = parts.base + sum(c.contribution for c in parts.contributions)
        assert total == pytest.approx(outcome.scores.final[i])
    assert {c.feature for c in explanations[0].contributions if c.feature.startswith("rule:")} == {
        "rule:up",
        "rule:down",
    }
    assert served(world, outcome)[0] == "d"


def test_trace_names_the_stage_that_decided(world, ask, pipeline):
    world.event(Action.HIDE, "b")
    outcome = pipeline.run(ask(limit=1))
    names = ("available", "hidden")
    rows = dict(zip("abcd", world.rows("a", "b", "c", "d"), strict=True))
    assert trace(outcome, None, names)[-1].verdict == "absent"
    assert [(s.stage, s.verdict) for s in trace(outcome, rows["b"], names)][-1] == ("filter:hidden", "dropped")
    assert [(s.stage, s.verdict) for s in trace(outcome, rows["a"], names)][-1] == ("selector", "kept")
    assert [(s.stage, s.verdict) for s in trace(outcome, rows["c"], names)][-1] == ("selector", "dropped")


def test_all_features_of_an_outcome_are_computed_in_the_scorers_order(world, ask, pipeline):
    class All(Young):
        features = tuple(reversed(NAMES))

    outcome = replace(pipeline, scorer=All()).run(ask())
    forward = compute(world.raw("d", "c", "b", "a"), NAMES)
    assert np.array_equal(outcome.rows, forward[:, ::-1], equal_nan=True)
