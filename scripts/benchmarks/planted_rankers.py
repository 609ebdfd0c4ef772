"""Rankers whose worth is known beforehand: a trained one's twin, noise, popularity and its reverse.

Knows nothing of experiments.
"""

import lightgbm
import numpy as np

from feedrank.registry import Registry
from feedrank.registry.golden import synthetic_rows
from feedrank.types import F64, Bools

ROWS = 2_000  # that rankers of noise and of popularity are fitted to
POPULAR = ("rank_ctr_24h", "rank_clicks_24h", "rank_category_affinity")  # each 0 to 1 within a slate


def plant_noise(registry: Registry, seed: int) -> dict[str, str]:
    """Registers the trained ranker's twin, and a ranker of noise over the same features. Their versions by role."""
    trained = registry.load("trained")
    features, space = trained.manifest.feature_names, trained.manifest.space
    rng = np.random.default_rng(seed)
    noise = fitted(rng.standard_normal((ROWS, len(features))), rng.random(ROWS) < 0.3, seed)
    golden = synthetic_rows(len(features))
    return {
        "better": trained.reference,
        "twin": registry.publish("twin", trained.model_text, features, space, golden),
        "worse": registry.publish("noise", noise, features, space, golden),
    }


def plant_popular(registry: Registry, seed: int) -> dict[str, str]:
    """Registers a ranker by what is clicked most and by the reader's categories, its twin, and its reverse."""
    rng = np.random.default_rng(seed)
    rows = rng.random((ROWS, len(POPULAR)))
    liked = rows.sum(axis=1) + 0.3 * rng.standard_normal(ROWS)
    golden = synthetic_rows(len(POPULAR))

    def publish(name: str, labels: Bools) -> str:
        return registry.publish(name, fitted(rows, labels, seed), POPULAR, "", golden)

    better = liked > np.quantile(liked, 0.7)
    return {
        "better": publish("popular", better),
        "twin": publish("twin", better),
        "worse": publish("reverse", liked < np.quantile(liked, 0.3)),
    }


def fitted(rows: F64, labels: Bools, seed: int) -> str:
    """A small ranker's text."""
    data = lightgbm.Dataset(rows, labels.astype(int), group=[20] * (len(rows) // 20))
    params = {"objective": "lambdarank", "num_leaves": 15, "verbose": -1, "num_threads": 1, "seed": seed}
    return lightgbm.train(params, data, num_boost_round=30).model_to_string()
