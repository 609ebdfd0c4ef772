"""feedrank: a personalised news-feed ranking service."""

__version__ = "0.1.0"
