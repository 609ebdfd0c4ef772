"""Scorers: a trained LightGBM ranker, the documented prior that ranks before anything is trained, and a pair of two."""

from feedrank.pipeline.scorers.calibration import Calibration
from feedrank.pipeline.scorers.lightgbm import LightGBMScorer
from feedrank.pipeline.scorers.pair import PairScorer
from feedrank.pipeline.scorers.prior import PriorScorer

__all__ = ["Calibration", "LightGBMScorer", "PairScorer", "PriorScorer"]
