"""The trained ranker: a LightGBM model, scored by the compiled forest where that gives LightGBM's bits.

Where it does not, or nothing was compiled, LightGBM itself scores, one thread a call, and the log says so. Knows
nothing of where a model came from.
"""

import logging
from collections.abc import Mapping

import lightgbm
import numpy as np

from feedrank.errors import RegistryError
from feedrank.pipeline.scorers.calibration import Calibration
from feedrank.pipeline.scorers.forest import NoForest, proven_forest
from feedrank.pipeline.stages import CLICK_PROBABILITY
from feedrank.registry import LoadedModel
from feedrank.types import F32, F64, Pause, no_pause

log = logging.getLogger(__name__)


class LightGBMScorer:
    """Scores with a verified model's text. Safe to use from many threads: nothing changes after construction.

    Give it only text that a registry has loaded: parsing a damaged model can end the process.
    """

    name = "lightgbm"

    def __init__(
        self,
        model_text: str,
        features: tuple[str, ...],
        calibration: Calibration | None = None,
        pause: Pause = no_pause,
    ) -> None:
        """`features` are the model's columns in its order. RegistryError if it reads another number of them. Making
        one takes a tenth of a second, with pauses in between.
        """
        self._calibration = calibration
        self._booster = lightgbm.Booster(model_str=model_text)
        self.features = features
        if self._booster.num_feature() != len(features):
            raise RegistryError(
                f"the model reads {self._booster.num_feature()} columns, {len(features)} are named; register it anew"
            )
        self._forest = None
        try:
            self._forest = proven_forest(model_text, self._predict, pause)
        except NoForest as reason:
            log.warning("a model is scored by LightGBM, several times slower", extra={"reason": str(reason)})

    @property
    def compiled(self) -> bool:
        """Whether the compiled forest scores."""
        return self._forest is not None

    @classmethod
    def of(cls, loaded: LoadedModel, pause: Pause = no_pause) -> "LightGBMScorer":
        """The scorer of a verified version, with its calibration."""
        table = loaded.manifest.calibration
        calibration = None if table is None else Calibration(table.margins, table.probabilities)
        return cls(loaded.model_text, loaded.manifest.feature_names, calibration, pause)

    def score(self, rows: F32) -> Mapping[str, F64]:
        """{"margin": (n,) float64} of rows (n, features) float32, and "click_probability" where it is calibrated."""
        if not len(rows):
            return {"margin": np.empty(0)}
        margin = self._predict(rows) if self._forest is None else self._forest.scores(rows)
        if self._calibration is None:
            return {"margin": margin}
        return {"margin": margin, CLICK_PROBABILITY: self._calibration.probability(margin)}

    def _predict(self, rows: F32) -> F64:
        # One thread: under load LightGBM's own threads wait for each other longer than they work.
        return np.asarray(self._booster.predict(rows, raw_score=True, num_threads=1), np.float64)

    def contributions(self, rows: F32) -> F64:
        """SHAP values (n, features + 1), the base last; rows sum to the margin (Lundberg, Lee, NeurIPS 2017)."""
        if not len(rows):
            return np.empty((0, len(self.features) + 1))
        return np.asarray(self._booster.predict(rows, pred_contrib=True, num_threads=1), np.float64)
