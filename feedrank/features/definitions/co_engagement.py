"""Co-engagement: whether readers of what this user read also read the candidate (item-to-item, as Amazon's).

Linden, Smith, York: "Amazon.com Recommendations: Item-to-Item Collaborative Filtering", IEEE Internet Computing 2003.
Knows nothing of text or categories.
"""

import numpy as np

from feedrank.features.definition import Feature
from feedrank.features.definitions.popularity import engaged
from feedrank.features.frame import Frame
from feedrank.features.raw import CO_HISTORY
from feedrank.settings import HALF_LIVES_H, PREVIOUS_KEPT, PREVIOUS_WITHIN_H
from feedrank.state import CO_HALF_LIFE
from feedrank.types import F64, HOUR

PRIOR = 1.0  # engagements added to each side, so that one joint reader of two rare items is no certainty
RANK_DECAY = 0.85  # weight of each next older engaged item

_LONG = len(HALF_LIVES_H) - 1
_JOINT = (
    f"history {CO_HISTORY}",
    f"half-life {CO_HALF_LIFE // HOUR} h",
    f"previous {PREVIOUS_KEPT} in {PREVIOUS_WITHIN_H} h",
)
_COSINE = (*_JOINT, f"engagements of {HALF_LIVES_H[_LONG]} h", f"prior {PRIOR:g}")
SUM_READS = (*_COSINE, f"rank decay {RANK_DECAY:g}")


def cosines(frame: Frame) -> F64:
    """Joint engagements over the geometric mean of both items', (n, CO_HISTORY), newest engaged item first."""
    return frame.cached("co_cosines", _cosines)


def _cosines(frame: Frame) -> F64:
    own = engaged(frame, _LONG)[:, None] + PRIOR
    others = frame.per_request(frame.raw.requests.co_totals) + PRIOR
    ratio: F64 = frame.items.co_engaged / np.sqrt(own * others)
    return ratio


def co_sum(frame: Frame) -> F64:
    """Cosines summed over the history, newest first with decaying weight, (n,)."""
    return frame.cached("co_sum", _co_sum)


def _co_sum(frame: Frame) -> F64:
    values = cosines(frame)
    total = np.zeros(frame.n)
    for k in range(CO_HISTORY):  # in order, so that a row's bits do not depend on the batch
        total += RANK_DECAY**k * values[:, k]
    return total


FEATURES: tuple[Feature, ...] = (
    Feature("co_sum", "co_engagement", "co-engagement with the recent history, decaying by rank", co_sum, SUM_READS),
    Feature(
        "co_max",
        "co_engagement",
        "the strongest co-engagement with a recent item",
        lambda f: cosines(f).max(axis=1),
        _COSINE,
    ),
    Feature("co_last", "co_engagement", "co-engagement with the last item read", lambda f: cosines(f)[:, 0], _COSINE),
    Feature(
        "log_co",
        "co_engagement",
        "log(1 + joint engagements with the recent history)",
        lambda f: np.log1p(_ordered_sum(f.items.co_engaged)),
        _JOINT,
    ),
)


def _ordered_sum(values: F64) -> F64:
    total = np.zeros(len(values))
    for k in range(values.shape[1]):
        total += values[:, k]
    return total
