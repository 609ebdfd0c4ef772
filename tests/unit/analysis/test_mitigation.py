"""The price of mitigation: nothing where nothing is on, what brute force says where something is."""

import numpy as np
import pytest

from feedrank.analysis.mitigation import prices
from feedrank.analysis.mitigation_trials import final_catalog, impression_trials, world_of, world_trials
from feedrank.errors import InvalidInput
from feedrank.pipeline.scorers import PriorScorer
from feedrank.settings import SelectorSettings, Settings
from feedrank.simulator import LoggingPolicy, World, WorldSettings, simulate, write_world
from feedrank.store.sqlite import SqliteStore
from feedrank.training.metrics import judge
from feedrank.training.period import Period, read_period
from tests.news_stream import news_stream

OFF = SelectorSettings(diversity=0.0, explore=0.0, calibration=0.0, floor_new=0.0, floor_small=0.0)


@pytest.fixture(scope="module")
def period(tmp_path_factory: pytest.TempPathFactory) -> Period:
    folder = tmp_path_factory.mktemp("news")
    news_stream(impressions=300).write(folder)
    store = SqliteStore.open(folder, Settings())
    try:
        return read_period(store)
    finally:
        store.close()


def test_off_is_the_score_alone_and_costs_nothing(period: Period) -> None:
    trials = list(impression_trials(period, PriorScorer(), 0))
    variants = {"off": OFF, "same": OFF, "new": OFF.model_copy(update={"floor_new": 1.0})}
    off, same, new = prices(trials, final_catalog(period, 0), variants)
    labels = np.concatenate([t.relevance for t in trials])
    scores = np.concatenate([t.scores for t in trials])
    offsets = np.concatenate([[0], np.cumsum([len(t.scores) for t in trials])])
    assert off.ndcg == pytest.approx(judge(labels, scores, offsets).mean().ndcg_10)
    assert same.ndcg == off.ndcg and same.change.low == same.change.high == 0.0
    assert new.exposure_new > off.exposure_new
    assert np.isnan(off.exposure_small)  # no item names a publisher
    assert new.change.mean == pytest.approx(new.ndcg / off.ndcg - 1)


def test_nothing_relevant_is_refused(period: Period) -> None:
    with pytest.raises(InvalidInput, match="nothing to measure"):
        prices([], final_catalog(period, 0), {"off": OFF})


def test_a_simulated_world_is_recognised_and_judged_by_its_truth(tmp_path, period: Period) -> None:
    world = World.build(WorldSettings(users=12, items=120, days=1))
    store = SqliteStore.open(tmp_path, Settings())
    try:
        assert world_of(store) is None
        write_world(world, simulate(world, LoggingPolicy(world)), store, lambda now: None)
        known = world_of(store)
        assert known is not None and known.settings == world.settings
        lived = read_period(store)
        trials = list(world_trials(known, store, lived, PriorScorer(), 0, 20))
    finally:
        store.close()
    assert 10 <= len(trials) <= 40
    assert all((t.relevance > 0).all() and (t.relevance < 1).all() for t in trials)
    small = OFF.model_copy(update={"floor_small": 0.5})
    off, lifted = prices(trials, final_catalog(lived, 0), {"off": OFF, "small": small})
    assert lifted.exposure_small > off.exposure_small
    assert 0 < lifted.ndcg <= 1
