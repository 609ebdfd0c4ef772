"""Selectors: the only stage that orders."""

from feedrank.pipeline.selectors.feed import FeedSelector

__all__ = ["FeedSelector"]
