"""Lift: how much more readily the user reads what is shown of the candidate's kind than what is shown at all.

Shares of reading (`affinity`) say what a user read; a lift also says what they were shown and left. Only reads of what
was shown count, so that reads from elsewhere do not pass for readiness. Knows nothing of other users.
"""

import numpy as np

from feedrank.features.definition import Feature
from feedrank.features.frame import Frame
from feedrank.kernels import matched
from feedrank.settings import ENGAGEMENTS_KEPT, VIEWS_KEPT, VIEWS_KEPT_DAYS
from feedrank.state import CODED
from feedrank.types import F64

PRIOR_VIEWS = 20.0  # of the user's usual readiness, given to each kind: about one slate
USUAL = 0.05  # readiness of a user who was shown nothing

_READS = (
    f"views {VIEWS_KEPT} in {VIEWS_KEPT_DAYS} d",
    f"history {ENGAGEMENTS_KEPT}",
    f"prior {PRIOR_VIEWS:g} views",
    f"usual {USUAL:g}",
)


def _read_after_all(frame: Frame) -> F64:
    """1 for each view (v,) of an item its user has read, else 0."""
    views, history = frame.raw.views, frame.raw.history
    shown = frame.views.request << 32 | views.rows.astype(np.int64)
    read = frame.history.request << 32 | history.rows.astype(np.int64)
    _, group, groups = matched(read, shown)
    return (group < groups).astype(np.float64)


def _lift(frame: Frame, column: str) -> F64:
    """Smoothed reads a view of the candidate's code over the user's of everything, (n,); NaN without code."""
    wanted = frame.items.codes[:, CODED.index(column)]
    read, all_views = frame.cached("read_after_all", _read_after_all), np.ones(len(frame.views.times))
    usual = frame.per_request(
        (frame.views.sum(read) + USUAL * PRIOR_VIEWS) / (frame.views.sum(all_views) + PRIOR_VIEWS)
    )
    reads, views = frame.views.weight(column, read), frame.views.weight(column, all_views)
    lift = (reads + usual * PRIOR_VIEWS) / (views + PRIOR_VIEWS) / usual
    return np.where(wanted > 0, lift, np.nan)


FEATURES: tuple[Feature, ...] = tuple(
    Feature(
        f"{column}_lift",
        "lift",
        f"the user's reads a view of the candidate's {column} over their reads a view of anything",
        lambda f, column=column: _lift(f, column),  # type: ignore[misc]
        _READS,
    )
    for column in ("category", "subcategory", "author", "source")
)
