"""Importance: the feature that decides comes first, the one that says nothing last, and gains share a whole."""

import lightgbm
import numpy as np
import pytest

from feedrank.pipeline.scorers import LightGBMScorer
from feedrank.training.dataset import Dataset
from feedrank.training.importance import importances


def test_what_decides_comes_first_and_noise_last() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((2_000, 3)).astype(np.float32)
    labels = (2.0 * rows[:, 0] + 0.5 * rows[:, 1] + rng.standard_normal(2_000) > 0).astype(np.int8)
    params = {"objective": "binary", "num_leaves": 7, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(params, lightgbm.Dataset(rows, labels), num_boost_round=20)
    features = ("decides", "helps", "noise")
    scorer = LightGBMScorer(booster.model_to_string(), features)
    times = np.zeros(200, np.int64)
    names = tuple(str(i) for i in range(200))
    entries = np.arange(0, 2_001, 10)
    data = Dataset(
        features,
        rows,
        labels,
        labels >= 0,
        labels.astype(np.int32),
        entries,
        times,
        np.zeros(200, np.int8),
        names,
        names,
    )
    found = importances(booster.model_to_string(), scorer, data)
    assert [each.feature for each in found] == ["decides", "helps", "noise"]
    assert sum(each.gain for each in found) == pytest.approx(1.0)
    assert found[0].gain > 0.7
    by_hand = np.abs(np.asarray(booster.predict(rows, pred_contrib=True)))[:, 0].mean()
    assert found[0].shap == pytest.approx(by_hand)
