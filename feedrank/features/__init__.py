"""Features: raw columns as of an instant, and the rows computed from them."""

from feedrank.features.compute import BY_NAME, NAMES, compute, fingerprint_of
from feedrank.features.definition import Feature
from feedrank.features.definitions import FEATURES
from feedrank.features.gather import gather
from feedrank.features.raw import Raw, concat

__all__ = ["BY_NAME", "FEATURES", "NAMES", "Feature", "Raw", "compute", "concat", "fingerprint_of", "gather"]
