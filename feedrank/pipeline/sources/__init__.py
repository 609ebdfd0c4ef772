"""Sources: each brings at most its quota of candidates, best first."""

from feedrank.pipeline.sources.caller import CallerSource
from feedrank.pipeline.sources.followed import FollowedSource
from feedrank.pipeline.sources.fresh import FreshSource
from feedrank.pipeline.sources.interest import InterestSource
from feedrank.pipeline.sources.pinned import PinnedSource
from feedrank.pipeline.sources.similar import SimilarSource
from feedrank.pipeline.sources.trending import TrendingSource

__all__ = [
    "CallerSource",
    "FollowedSource",
    "FreshSource",
    "InterestSource",
    "PinnedSource",
    "SimilarSource",
    "TrendingSource",
]
