"""Affinity: how much of the user's reading is of the candidate's category, author or source. Knows nothing of text."""

import numpy as np

from feedrank.features.definition import Feature
from feedrank.features.frame import Frame
from feedrank.settings import DWELLS_KEPT, ENGAGEMENTS_KEPT, STATES_KEPT
from feedrank.state import CODED
from feedrank.types import F64

HALF_LIFE_HOURS = 168.0  # interests drift over weeks, not days
RECENT = 10  # engagements that say what the user is after now
GOOD_READ_S = 60.0  # a read this long counts in full; a bounce counts half

READS = (
    f"history {ENGAGEMENTS_KEPT}",
    f"dwells {DWELLS_KEPT}",
    f"half-life {HALF_LIFE_HOURS:g} h",
    f"good read {GOOD_READ_S:g} s",
)
_RECENT_READS = (f"history {RECENT}",)
_FOLLOWS = (f"states {STATES_KEPT}",)


def _weights(frame: Frame) -> F64:
    """Weight of each history entry: recency times how well it was read, (h,)."""
    dwell = frame.raw.history.dwell_s.astype(np.float64)
    read = np.where(np.isnan(dwell), 0.75, 0.5 + 0.5 * np.minimum(dwell, GOOD_READ_S) / GOOD_READ_S)
    weights: F64 = np.exp2(-frame.history.age_hours / HALF_LIFE_HOURS) * read
    return weights


def _share(frame: Frame, column: str, weights: F64) -> F64:
    """Share of the history's weight that has the candidate's code, (n,); NaN without history or without code."""
    wanted = frame.items.codes[:, CODED.index(column)]
    coded = np.where(frame.history.codes(column) > 0, weights, 0.0)  # an unknown code is no interest
    total = frame.per_request(frame.history.sum(coded))
    mine = frame.history.weight(column, coded)
    share = np.divide(mine, total, out=np.full(frame.n, np.nan), where=total > 0)
    return np.where(wanted > 0, share, np.nan)


def category_affinity(frame: Frame) -> F64:
    """Share of the user's decayed, dwell-weighted reading in the candidate's category, (n,)."""
    return _affinity(frame, "category")


def _affinity(frame: Frame, column: str) -> F64:
    def share(frame: Frame) -> F64:
        return _share(frame, column, frame.cached("affinity_weights", _weights))

    return frame.cached(f"{column}_affinity", share)


def _recent_share(frame: Frame, column: str) -> F64:
    return _share(frame, column, (frame.history_recency < RECENT).astype(np.float64))


def _language_match(frame: Frame) -> F64:
    asked = frame.per_request(frame.raw.requests.language)
    own = frame.items.codes[:, CODED.index("language")]
    return np.where((asked == 0) | (own == 0), np.nan, (asked == own).astype(np.float64))


FEATURES: tuple[Feature, ...] = (
    *(
        Feature(
            f"{column}_affinity",
            "affinity",
            f"share of the user's decayed, dwell-weighted reading in the candidate's {column}",
            lambda f, column=column: _affinity(f, column),  # type: ignore[misc]
            READS,
        )
        for column in ("category", "subcategory", "author", "source")
    ),
    Feature(
        "recent_category_affinity",
        "affinity",
        f"share of the last {RECENT} engagements in the candidate's category",
        lambda f: _recent_share(f, "category"),
        _RECENT_READS,
    ),
    Feature(
        "recent_subcategory_affinity",
        "affinity",
        f"share of the last {RECENT} engagements in the candidate's subcategory",
        lambda f: _recent_share(f, "subcategory"),
        _RECENT_READS,
    ),
    *(
        Feature(
            f"follows_{column}",
            "affinity",
            f"the user follows its {column}",
            lambda f, k=k: f.items.followed[:, k],  # type: ignore[misc]
            _FOLLOWS,
        )
        for k, column in enumerate(("author", "category", "source"))
    ),
    Feature("language_match", "affinity", "it is in the language of the request", _language_match),
)
