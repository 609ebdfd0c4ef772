"""The trained ranker: LightGBM's own prediction, one thread a call. Knows nothing of where a model came from."""

from collections.abc import Mapping

import lightgbm
import numpy as np

from feedrank.types import F32, F64


class LightGBMScorer:
    """Scores with a verified model's text. Safe to use from many threads."""

    name = "lightgbm"

    def __init__(self, model_text: str, features: tuple[str, ...]) -> None:
        self._booster = lightgbm.Booster(model_str=model_text)
        self.features = features
        if self._booster.num_feature() != len(features):
            raise ValueError(
                f"the model reads {self._booster.num_feature()} columns, its manifest names {len(features)}"
            )

    def score(self, rows: F32) -> Mapping[str, F64]:
        """{"margin": (n,) float64} of rows (n, features) float32."""
        # One thread: under load LightGBM's own threads wait for each other longer than they work.
        margin = self._booster.predict(rows, raw_score=True, num_threads=1)
        return {"margin": np.asarray(margin, np.float64)}

    def contributions(self, rows: F32) -> F64:
        """SHAP values (n, features + 1), the base last; each row sums to its margin (Lundberg, Lee, NeurIPS 2017)."""
        return np.asarray(self._booster.predict(rows, pred_contrib=True, num_threads=1), np.float64)
