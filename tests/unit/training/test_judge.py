"""Judging: the scorer and the baselines on the same impressions, and an interval that holds what it says."""

import numpy as np
import pytest

from feedrank.errors import InvalidInput
from feedrank.pipeline.scorers import PriorScorer
from feedrank.training.baselines import POPULAR, judge_baselines
from feedrank.training.dataset import Dataset, View, build
from feedrank.training.judge import judge_scorer
from feedrank.training.metrics import evaluate
from feedrank.training.period import Period


@pytest.fixture(scope="module")
def data(everything: Period) -> Dataset:
    return build(everything.facts, everything.examples[400:], View())


def test_the_prior_beats_chance_popularity_and_recency(data: Dataset) -> None:
    judgement = judge_scorer(data, PriorScorer())
    found = judgement.as_json()
    assert found["impressions"] == 800
    assert set(found["baselines"]) == {"random", "popularity", "recency", *POPULAR}
    for values in (found, *found["baselines"].values()):
        assert {"auc", "mrr", "ndcg@5", "ndcg@10", "impressions"} <= set(values)
    assert found["baselines"]["random"]["auc"] == pytest.approx(0.5)
    for name in ("random", "popularity", "recency"):
        assert found["auc"] > found["baselines"][name]["auc"] + 0.02, name
    low, high = judgement.auc_interval
    assert low < found["auc"] < high


def test_baselines_are_the_columns_they_are_named_after(data: Dataset) -> None:
    found = judge_baselines(data)
    clicks = data.columns(("log_clicks_6h",))[:, 0]
    assert found["clicks_6h"] == evaluate(data.labels, clicks, data.offsets)
    assert found["recency"] == evaluate(data.labels, -data.columns(("age_hours",))[:, 0], data.offsets)
    assert found["popularity"].auc == max(found[name].auc for name in POPULAR)
    assert next(iter(found)) == "random"


def test_a_data_set_without_a_baselines_column_goes_without_it(everything: Period) -> None:
    bare = build(everything.facts, everything.examples[:20], View(), ("ctr_6h",))
    assert set(judge_baselines(bare)) == {"random", "popularity", "ctr_6h"}


def test_nothing_to_judge_by_is_said(data: Dataset) -> None:
    first = np.arange(len(data)) < 3
    with pytest.raises(InvalidInput, match="none of the 3 impressions"):
        judge_scorer(data.take(first, data.labels == 0), PriorScorer())
