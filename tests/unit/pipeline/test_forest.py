"""The forest against LightGBM itself, to the bit, and the models it leaves to LightGBM."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import pytest

from feedrank.kernels import COMPILED, native
from feedrank.pipeline.scorers import LightGBMScorer
from feedrank.pipeline.scorers.forest import NoForest, parse, proof_rows, proven_forest
from feedrank.types import F32, F64

pytestmark = pytest.mark.skipif(not COMPILED, reason="no compiler was found when feedrank was installed")
FEATURES = 7


def rows_of(n: int, seed: int) -> F32:
    """Rows of many sizes, with missing, infinite and tiny values."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, FEATURES)) * 10.0 ** rng.integers(-3, 3, (n, FEATURES))
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-36, -1e-36, 1e-34])
    which = rng.random((n, FEATURES)) < 0.2
    rows[which] = rng.choice(odd, np.count_nonzero(which))
    return rows.astype(np.float32)


def model(rounds: int = 40, group: list[int] | None = None, **params: Any) -> lightgbm.Booster:
    rows = rows_of(3_000, 1)
    labels = (np.nan_to_num(rows[:, 0], posinf=1, neginf=-1) + np.isnan(rows[:, 1]) > 0.3).astype(float)
    chosen = {"verbose": -1, "seed": 1, "num_leaves": 31, "objective": "binary", "min_data_in_leaf": 3} | params
    return lightgbm.train(chosen, lightgbm.Dataset(rows, labels, group=group), rounds)


def scored_by(booster: lightgbm.Booster) -> Callable[[F32], F64]:
    return lambda rows: np.asarray(booster.predict(rows, raw_score=True, num_threads=1), np.float64)


@pytest.mark.parametrize("avx512", [True, False])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"use_missing": False},
        {"num_leaves": 2},
        {"num_leaves": 32},
        {"num_leaves": 33},
        {"num_leaves": 255, "rounds": 5},
        {"objective": "lambdarank", "group": [20] * 150},
        {"objective": "regression", "monotone_constraints": [1, 0, -1, 0, 0, 0, 0]},
        {"min_data_in_leaf": 3_000, "rounds": 3},  # trees of a single leaf
    ],
)
def test_scores_are_lightgbms_to_the_bit(params: dict[str, Any], avx512: bool) -> None:
    assert native is not None
    if native.use_avx512(avx512) != avx512:
        pytest.skip("this machine has no AVX-512")
    try:
        booster = model(**params)
        forest = proven_forest(booster.model_to_string(), scored_by(booster))
        for n in (1, 63, 64, 65, 500):
            rows = rows_of(n, n)
            assert forest.scores(rows).tobytes() == scored_by(booster)(rows).tobytes()
            assert forest.scores(np.asfortranarray(rows)).tobytes() == scored_by(booster)(rows).tobytes()
        assert len(forest.scores(rows[:0])) == 0
    finally:
        native.use_avx512(True)


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"zero_as_missing": True}, "takes zeros"),
        ({"linear_tree": True}, "linear leaves"),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "averaged"),
        ({"objective": "multiclass", "num_class": 3}, "several classes"),
    ],
)
def test_other_models_are_left_to_lightgbm(params: dict[str, Any], why: str) -> None:
    booster = model(**params)
    with pytest.raises(NoForest, match=why):
        proven_forest(booster.model_to_string(), scored_by(booster))


def test_trees_too_large_for_the_kernel_are_left_to_lightgbm() -> None:
    rng = np.random.default_rng(2)
    params = {"objective": "regression", "verbose": -1, "num_leaves": 600, "min_data_in_leaf": 1}
    booster = lightgbm.train(params, lightgbm.Dataset(rng.standard_normal((5_000, 5)), rng.standard_normal(5_000)), 1)
    with pytest.raises(NoForest, match="600 leaves"):
        parse(booster.model_to_string())


def test_categorical_splits_are_left_to_lightgbm() -> None:
    rng = np.random.default_rng(2)
    rows = np.column_stack([rng.integers(0, 5, 2_000), rng.standard_normal(2_000)])
    data = lightgbm.Dataset(rows, np.isin(rows[:, 0], (1, 3)).astype(float), categorical_feature=[0])
    booster = lightgbm.train({"objective": "binary", "verbose": -1}, data, 3)
    with pytest.raises(NoForest, match="categorical"):
        parse(booster.model_to_string())


def test_a_forest_that_scores_otherwise_is_refused_and_lightgbm_scores(caplog: pytest.LogCaptureFixture) -> None:
    booster = model()
    text = booster.model_to_string()

    def otherwise(rows: F32) -> F64:
        scores = scored_by(booster)(rows)
        scores[7] = np.nextafter(scores[7], np.inf)
        return scores

    with pytest.raises(NoForest, match="1 of 1024 rows"):
        proven_forest(text, otherwise)
    names = tuple(f"f{j}" for j in range(FEATURES))
    assert LightGBMScorer(text, names).compiled
    left = model(zero_as_missing=True)
    scorer = LightGBMScorer(left.model_to_string(), names)
    assert not scorer.compiled and "scored by LightGBM" in caplog.text
    rows = rows_of(50, 3)
    assert scorer.score(rows)["margin"].tobytes() == scored_by(left)(rows).tobytes()


def test_requests_may_go_first_between_trees_and_between_columns_of_the_proof() -> None:
    booster = model()
    pauses: list[None] = []
    text, names = booster.model_to_string(), tuple(f"f{j}" for j in range(FEATURES))
    assert LightGBMScorer(text, names, pause=lambda: pauses.append(None)).compiled
    assert len(pauses) == booster.num_trees() + FEATURES


def test_the_proof_stands_on_the_thresholds() -> None:
    forest = parse(model().model_to_string())
    rows = proof_rows(forest)
    for feature in range(FEATURES):
        own = forest.threshold[forest.column % FEATURES == feature]
        assert np.isin(rows[:, feature], own).mean() > 0.1
    assert np.isnan(rows).any(axis=0).all() and np.isposinf(rows).any(axis=0).all()


def test_a_forest_of_other_shapes_is_refused_before_it_is_read() -> None:
    forest = parse(model().model_to_string())
    for broken in (
        {"left": forest.left[:-1]},
        {"column": forest.column + 2 * FEATURES},
        {"right": np.zeros_like(forest.right)},
        {"leaf_value": forest.leaf_value[:-1]},
        {"first_node": forest.first_node + 1},
        {"first_node": np.where(np.arange(len(forest.first_node)) == 1, 1 << 30, forest.first_node).astype(np.int32)},
    ):
        with pytest.raises(ValueError, match="forest"):
            replace(forest, **broken)
    with pytest.raises(ValueError, match="forest's features"):
        forest.scores(rows_of(3, 1)[:, 1:])
