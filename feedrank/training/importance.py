"""What a model's features are worth to it: the gain of their splits, and their mean absolute SHAP value.

Knows nothing of how the model was trained or of pages.
"""

from dataclasses import dataclass

import lightgbm
import numpy as np

from feedrank.pipeline.stages import Scorer
from feedrank.training.dataset import Dataset

SAMPLE = 4_000  # rows explained; SHAP costs about 2 ms each


@dataclass(frozen=True, slots=True)
class Importance:
    """One feature's share of all gain, and how many points of margin it moves a candidate by on average."""

    feature: str
    gain: float
    shap: float


def importances(model_text: str, scorer: Scorer, dataset: Dataset, seed: int = 1) -> list[Importance]:
    """Every feature of a verified model, the highest SHAP value first, on a sample of the data set's rows."""
    booster = lightgbm.Booster(model_str=model_text)
    gains = np.asarray(booster.feature_importance("gain"), np.float64)
    shares = gains / max(float(gains.sum()), 1e-300)  # a model of no splits has no gain
    rows = dataset.columns(scorer.features)
    chosen = np.random.default_rng(seed).permutation(len(rows))[:SAMPLE]
    shap = np.abs(scorer.contributions(rows[np.sort(chosen)]))[:, :-1]
    means = shap.mean(axis=0) if len(shap) else np.zeros(len(shares))
    found = [Importance(f, float(g), float(s)) for f, g, s in zip(scorer.features, shares, means, strict=True)]
    return sorted(found, key=lambda each: -each.shap)
