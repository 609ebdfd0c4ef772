"""What a model must beat: chance, recency, popularity at each half-life, item-to-item filtering and text similarity, as
score columns of a data set.

Knows nothing of models, nor of the baselines that have to be fitted.
"""

from collections.abc import Mapping

import numpy as np

from feedrank.features import NAMES
from feedrank.settings import HALF_LIVES_H
from feedrank.training.dataset import Dataset
from feedrank.types import F64

RANDOM, POPULARITY, RECENCY = "random", "popularity", "recency"
# Decayed clicks and smoothed click-through rates, as the features of the same instant hold them.
POPULAR: Mapping[str, str] = {
    **{f"clicks_{hours}h": f"log_clicks_{hours}h" for hours in HALF_LIVES_H},
    **{f"ctr_{hours}h": f"ctr_{hours}h" for hours in HALF_LIVES_H},
}
# Each a feature and the sign it is ordered by.
_COLUMNS: Mapping[str, tuple[str, float]] = {
    RECENCY: ("age_hours", -1.0),  # since publication, or since the log first named the item
    "numbering": ("rank_number", 1.0),  # newest first where ids count upwards
    **{name: (feature, 1.0) for name, feature in POPULAR.items()},
    "item_to_item": ("co_sum", 1.0),  # what readers of the user's articles read too
    "text": ("sim_mean", 1.0),  # how near its text is to what the user read
}
_WANTED = {feature for feature, _ in _COLUMNS.values()}
FEATURES: tuple[str, ...] = tuple(name for name in NAMES if name in _WANTED)


def scores(dataset: Dataset) -> dict[str, F64]:
    """Scores (n,) by baseline, of those whose column the data set has and knows something in. Chance is a tie: metrics
    take its expected value.
    """
    found = {RANDOM: np.zeros(len(dataset.labels))}
    for name, (feature, sign) in _COLUMNS.items():
        if feature in dataset.features:
            values = sign * dataset.columns((feature,))[:, 0].astype(np.float64)
            if not np.isnan(values).all():
                found[name] = np.where(np.isnan(values), -np.inf, values)  # what is unknown last
    return found
