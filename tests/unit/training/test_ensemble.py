"""Summed boosters: one model that scores and explains as all of them together."""

import lightgbm
import numpy as np
import pytest

from feedrank.pipeline.scorers import LightGBMScorer
from feedrank.training.ensemble import summed
from feedrank.types import F32

NAMES = ("a", "b", "c")


def rows(n: int = 600) -> F32:
    return np.random.default_rng(0).standard_normal((n, len(NAMES))).astype(np.float32)


def booster(leaves: int, names: tuple[str, ...] = NAMES) -> lightgbm.Booster:
    data = rows()
    data[::7, 1] = np.nan
    labels = (data[:, 0] + np.random.default_rng(leaves).standard_normal(len(data)) > 0).astype(np.int8)
    params = {"objective": "binary", "num_leaves": leaves, "verbose": -1, "num_threads": 1, "seed": 1}
    return lightgbm.train(params, lightgbm.Dataset(data, labels, feature_name=list(names)), 12)


def test_margins_and_contributions_add_up() -> None:
    members, data = [booster(4), booster(15), booster(7)], rows(200)
    model = summed(members, 10)
    assert model.num_trees() == 30
    parts = [each.predict(data, num_iteration=10, raw_score=True) for each in members]
    scorer = LightGBMScorer(model.model_to_string(), NAMES)
    margins = scorer.score(data)["margin"]
    assert margins == pytest.approx(np.sum(parts, axis=0), abs=1e-12)
    assert scorer.contributions(data).sum(axis=1) == pytest.approx(margins, abs=1e-9)
    shared = sum(each.feature_importance("gain", iteration=10) for each in members)
    assert model.feature_importance("gain") == pytest.approx(shared, rel=1e-4)  # as text keeps gains


def test_the_first_members_trees_come_first() -> None:
    members, data = [booster(4), booster(15)], rows(50)
    model = summed(members, 12)
    first = model.predict(data, num_iteration=12, raw_score=True)
    assert np.array_equal(first, members[0].predict(data, raw_score=True))


def test_one_alone_is_cut_to_its_first_trees() -> None:
    one, data = booster(7), rows(50)
    assert np.array_equal(summed([one], 5).predict(data), one.predict(data, num_iteration=5))


def test_what_cannot_be_summed_is_refused() -> None:
    for members in ([], [booster(4), booster(4, ("a", "b", "d"))]):
        with pytest.raises(ValueError, match="same columns"):
            summed(members, 3)
