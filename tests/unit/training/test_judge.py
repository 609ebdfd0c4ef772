"""Judging: the scorer and the baselines on the same impressions, and an interval that holds what it says."""

import numpy as np
import pytest

from feedrank.errors import InvalidInput
from feedrank.pipeline.scorers import PriorScorer
from feedrank.training.baselines import POPULAR, scores
from feedrank.training.dataset import Dataset, View, build
from feedrank.training.judge import judge_scorer
from feedrank.training.period import Period


@pytest.fixture(scope="module")
def data(everything: Period) -> Dataset:
    return build(everything.facts, everything.examples[400:], View())


def test_the_prior_beats_chance_popularity_and_recency(data: Dataset) -> None:
    judgement = judge_scorer(data, PriorScorer())
    found = judgement.as_json()
    assert found["impressions"] == 800
    assert set(found["baselines"]) == {"random", "popularity", "recency", "numbering", "item_to_item", *POPULAR}
    assert list(found["baselines"])[:2] == ["random", "popularity"]
    for values in (found, *found["baselines"].values()):
        assert {"auc", "mrr", "ndcg@5", "ndcg@10", "impressions"} <= set(values)
    assert found["baselines"]["random"]["auc"] == pytest.approx(0.5)
    for name in ("random", "popularity", "recency"):
        assert found["auc"] > found["baselines"][name]["auc"] + 0.02, name
        low, high = found["baselines"][name]["auc_gain_95"]
        assert 0 < low < found["auc"] - found["baselines"][name]["auc"] < high
    low, high = judgement.auc_interval
    assert low < found["auc"] < high


def test_baselines_are_the_columns_they_are_named_after(data: Dataset) -> None:
    found = scores(data)
    for name, feature, sign in (
        ("clicks_6h", "log_clicks_6h", 1),
        ("recency", "age_hours", -1),
        ("text", "sim_mean", 1),
    ):
        column = sign * data.columns((feature,))[:, 0].astype(np.float64)
        if np.isnan(column).all():
            assert name not in found
        else:
            np.testing.assert_array_equal(found[name], np.where(np.isnan(column), -np.inf, column))
    assert next(iter(found)) == "random"


def test_the_best_popularity_is_picked_in_hindsight(data: Dataset) -> None:
    baselines = judge_scorer(data, PriorScorer()).baselines
    assert baselines["popularity"].metrics.auc == max(baselines[name].metrics.auc for name in POPULAR)


def test_fitted_baselines_are_judged_on_what_was_seen(data: Dataset) -> None:
    labels = data.labels.astype(np.float64)
    found = judge_scorer(data, PriorScorer(), {"hindsight": labels, "wrong": -labels}).baselines
    assert found["hindsight"].metrics.auc == 1.0
    assert found["wrong"].metrics.auc == 0.0
    assert found["hindsight"].auc_gain.high < 0 < found["wrong"].auc_gain.low


def test_a_data_set_without_a_baselines_column_goes_without_it(everything: Period) -> None:
    bare = build(everything.facts, everything.examples[:20], View(), ("ctr_6h",))
    assert set(scores(bare)) == {"random", "ctr_6h"}


def test_nothing_to_judge_by_is_said(data: Dataset) -> None:
    first = np.arange(len(data)) < 3
    with pytest.raises(InvalidInput, match="none of the 3 impressions"):
        judge_scorer(data.take(first, data.labels == 0), PriorScorer())
