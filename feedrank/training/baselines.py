"""What a model must beat: chance, recency, and popularity at each half-life, as score columns of a data set.

Knows nothing of models.
"""

from collections.abc import Mapping

import numpy as np

from feedrank.features import NAMES
from feedrank.settings import HALF_LIVES_H
from feedrank.training.dataset import Dataset
from feedrank.training.metrics import Metrics, evaluate
from feedrank.types import F64

RANDOM, RECENCY, POPULARITY = "random", "recency", "popularity"
AGE = "age_hours"  # since publication, or since the log first named the item

# Decayed clicks and smoothed click-through rates, as the features of the same instant hold them.
POPULAR: Mapping[str, str] = {
    **{f"clicks_{hours}h": f"log_clicks_{hours}h" for hours in HALF_LIVES_H},
    **{f"ctr_{hours}h": f"ctr_{hours}h" for hours in HALF_LIVES_H},
}
FEATURES: tuple[str, ...] = tuple(name for name in NAMES if name == AGE or name in POPULAR.values())


def scores(dataset: Dataset) -> dict[str, F64]:
    """Scores (n,) by baseline, of those whose column the data set has. Chance is a tie: metrics take its expected
    value.
    """
    found = {RANDOM: np.zeros(len(dataset.labels))}
    if AGE in dataset.features:
        found[RECENCY] = _score(dataset, AGE, -1.0)
    for name, feature in POPULAR.items():
        if feature in dataset.features:
            found[name] = _score(dataset, feature, 1.0)
    return found


def judge_baselines(dataset: Dataset) -> dict[str, Metrics]:
    """Metrics by baseline.

    `popularity` repeats whichever half-life of clicks or CTR has the best AUC: the best one could pick, in hindsight.
    """
    found = {name: evaluate(dataset.labels, values, dataset.offsets) for name, values in scores(dataset).items()}
    popular = [found[name] for name in POPULAR if name in found]
    if popular:
        best = max(popular, key=lambda metrics: metrics.auc)
        found = {RANDOM: found.pop(RANDOM), POPULARITY: best, **found}
    return found


def _score(dataset: Dataset, feature: str, sign: float) -> F64:
    """A column as a score, what is unknown last."""
    values = sign * dataset.columns((feature,))[:, 0].astype(np.float64)
    return np.where(np.isnan(values), -np.inf, values)
