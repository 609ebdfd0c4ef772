"""Scorers: a trained LightGBM ranker, and the documented prior that ranks before anything is trained."""

from feedrank.pipeline.scorers.calibration import Calibration
from feedrank.pipeline.scorers.lightgbm import LightGBMScorer
from feedrank.pipeline.scorers.prior import PriorScorer

__all__ = ["Calibration", "LightGBMScorer", "PriorScorer"]
