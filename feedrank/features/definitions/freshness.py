"""Freshness: how old an article is, and its text's length. Knows nothing of the user."""

import numpy as np

from feedrank.features.definition import Feature
from feedrank.features.frame import Frame
from feedrank.types import F64


def age_hours(frame: Frame) -> F64:
    """Hours since publication, or since the log first named the item where that is unknown, (n,)."""
    published = frame.items.published_at
    return frame.hours_since(np.where(published > 0, published, frame.items.first_seen))


FEATURES: tuple[Feature, ...] = (
    Feature("age_hours", "freshness", "hours since publication, else since first seen", age_hours),
    Feature(
        "first_seen_hours",
        "freshness",
        "hours since the log first named the item",
        lambda f: f.hours_since(f.items.first_seen),
    ),
    Feature(
        "last_click_hours",
        "freshness",
        "hours since anyone last read it",
        lambda f: f.hours_since(f.items.last_click),
    ),
    Feature(
        "title_chars",
        "freshness",
        "length of the title",
        lambda f: np.where(f.items.listed, f.items.title_chars, np.nan),
    ),
    Feature(
        "body_chars",
        "freshness",
        "length of the body",
        lambda f: np.where(f.items.listed, f.items.body_chars, np.nan),
    ),
)
