"""Exposure: whether the candidate is shown more often now than before, which says where editors have put it.

On a news page that is half of the answer: what stands on top is read. Knows nothing of clicks or of the user.
"""

import numpy as np

from feedrank.features.definition import Feature
from feedrank.features.definitions.popularity import half_life_reads
from feedrank.features.frame import Frame
from feedrank.settings import HALF_LIVES_H
from feedrank.state import Count
from feedrank.types import F64

PRIOR_VIEWS = 0.1  # keeps the ratio of two counters finite, and that of two empty ones modest


def view_speed(frame: Frame, short: int, long: int) -> F64:
    """Log ratio of views an hour at a short to those at a long half-life (indices), (n,): above 0 when rising."""
    views = frame.counts[Count.VIEWS]
    per_hour_short = (views[short] + PRIOR_VIEWS) / HALF_LIVES_H[short]
    per_hour_long = (views[long] + PRIOR_VIEWS) / HALF_LIVES_H[long]
    ratio: F64 = np.log(per_hour_short / per_hour_long)
    return ratio


def speed_reads(short: int, long: int) -> tuple[str, ...]:
    """What `view_speed` reads, for fingerprints."""
    return (*half_life_reads(short, long), f"prior {PRIOR_VIEWS:g}")


def _speed(short: int, long: int) -> Feature:
    a, b = HALF_LIVES_H[short], HALF_LIVES_H[long]
    return Feature(
        f"view_speed_{a}h_{b}h",
        "exposure",
        f"log of views per hour, {a} h over {b} h",
        lambda f: view_speed(f, short, long),
        speed_reads(short, long),
    )


FEATURES: tuple[Feature, ...] = tuple(_speed(h, h + 1) for h in range(len(HALF_LIVES_H) - 1))
