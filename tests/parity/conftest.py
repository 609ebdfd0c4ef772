"""Models made of noise: parity is about rows, not about what a model makes of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.registry.golden import synthetic_rows


@pytest.fixture
def register_model() -> Callable[[Path, str, Sequence[str], str], str]:
    """`register_model(folder, name, features, space)`: registers a small ranker fitted to noise, gives NAME@VERSION."""

    def register_model(folder: Path, name: str, features: Sequence[str], space: str) -> str:
        rng = np.random.default_rng(len(features))
        rows = rng.standard_normal((400, len(features)))
        labels = (rng.random(400) < 0.3).astype(int)
        data = lightgbm.Dataset(rows, labels, group=[20] * 20)
        params = {"objective": "lambdarank", "num_leaves": 7, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}
        booster = lightgbm.train(params, data, num_boost_round=10)
        golden = synthetic_rows(len(features))
        scores = np.asarray(booster.predict(golden, raw_score=True))
        return Registry(folder, fingerprint_of).publish(
            name, booster.model_to_string(), features, space, golden, scores
        )

    return register_model
