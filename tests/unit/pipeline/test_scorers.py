"""Scorers: explanations sum to scores, a row's score is its own, and the prior ranks sensibly untrained."""

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from feedrank.errors import RegistryError
from feedrank.features import BY_NAME
from feedrank.pipeline.scorers import LightGBMScorer, PriorScorer
from feedrank.pipeline.stages import Scorer
from feedrank.types import F32

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def trained() -> LightGBMScorer:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((400, 3))
    rows[rng.random(rows.shape) < 0.1] = np.nan
    labels = (np.nan_to_num(rows[:, 0]) + rng.standard_normal(400) > 0.7).astype(int)
    data = lightgbm.Dataset(rows, labels, group=[10] * 40, feature_name=list(NAMES))
    params = {"objective": "lambdarank", "num_leaves": 7, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}
    return LightGBMScorer(lightgbm.train(params, data, 20).model_to_string(), NAMES)


@pytest.fixture(params=["lightgbm", "prior"])
def scorer(request: pytest.FixtureRequest, trained: LightGBMScorer) -> Scorer:
    return trained if request.param == "lightgbm" else PriorScorer()


def rows_for(scorer: Scorer, n: int = 50) -> F32:
    rng = np.random.default_rng(2)
    rows = rng.gamma(1.0, 2.0, (n, len(scorer.features)))
    rows[rng.random(rows.shape) < 0.2] = np.nan
    return rows.astype(np.float32)


def test_contributions_and_base_sum_to_the_margin(scorer: Scorer) -> None:
    rows = rows_for(scorer)
    table = scorer.contributions(rows)
    assert table.shape == (50, len(scorer.features) + 1)
    np.testing.assert_allclose(table.sum(axis=1), scorer.score(rows)["margin"], atol=1e-9)


def test_a_row_scores_the_same_bits_alone_as_among_others(scorer: Scorer) -> None:
    rows = rows_for(scorer)
    whole = scorer.score(rows)["margin"]
    order = np.random.default_rng(3).permutation(50)
    np.testing.assert_array_equal(scorer.score(rows[order])["margin"], whole[order])
    np.testing.assert_array_equal([scorer.score(rows[i : i + 1])["margin"][0] for i in range(50)], whole)


def test_no_candidates_give_no_scores(scorer: Scorer) -> None:
    rows = rows_for(scorer)[:0]
    assert scorer.score(rows)["margin"].shape == (0,)
    assert scorer.contributions(rows).shape == (0, len(scorer.features) + 1)


def test_a_model_of_other_columns_is_refused(trained: LightGBMScorer) -> None:
    text = trained._booster.model_to_string()
    with pytest.raises(RegistryError, match="reads 3 columns, 2 are named"):
        LightGBMScorer(text, ("a", "b"))


def test_the_prior_reads_features_that_exist() -> None:
    assert set(PriorScorer.features) <= set(BY_NAME)


@given(
    arrays(
        np.float32,
        (4, len(PriorScorer.features)),
        elements=st.one_of(st.floats(0.0, width=32), st.sampled_from([0.0, -0.0, np.nan, np.inf])),
    )
)
def test_the_prior_gives_every_row_a_finite_score(rows: F32) -> None:
    with np.errstate(over="raise"):
        scores = PriorScorer().score(rows)["margin"]
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    ("feature", "worse", "better"),
    [
        ("sim_decayed", 0.1, 0.9),
        ("sim_query", 0.1, 0.9),
        ("sim_negative", 0.9, 0.1),
        ("category_affinity", 0.0, 0.8),
        ("co_sum", 0.0, 0.5),
        ("follows_author", 0.0, 1.0),
        ("log_clicks_6h", 0.0, 3.0),
        ("ctr_24h", 0.02, 0.3),
        ("age_hours", 48.0, 1.0),
        ("views_24h", 2.0, 0.0),
        ("reads_by_user", 1.0, 0.0),
    ],
)
def test_what_speaks_for_an_item_raises_it(feature: str, worse: float, better: float) -> None:
    rows = np.full((2, len(PriorScorer.features)), np.nan, np.float32)
    rows[:, PriorScorer.features.index(feature)] = worse, better
    low, high = PriorScorer().score(rows)["margin"]
    assert low < high
