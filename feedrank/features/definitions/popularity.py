"""Popularity: smoothed click-through rates, volumes and their speed, from decayed counters.

Knows nothing of the user.
"""

import numpy as np

from feedrank.features.definition import Feature
from feedrank.features.frame import Frame
from feedrank.settings import HALF_LIVES_H
from feedrank.state import MAX_DWELL_S, REGION_HALF_LIFE, Count
from feedrank.types import F64, HOUR

# Views that a prior is worth. An item needs about this many views before its own rate outweighs its category's.
ITEM_PRIOR_VIEWS = 20.0
CATEGORY_PRIOR_VIEWS = 200.0
OVERALL_CLICKS, OVERALL_VIEWS = 1.0, 10.0  # a CTR of 0.1 before anything is known
DWELL_PRIOR_READS, DWELL_PRIOR_S = 5.0, 30.0
_LONG = len(HALF_LIVES_H) - 1
_DAY = HALF_LIVES_H.index(24)


def overall_ctr(frame: Frame) -> F64:
    """CTR of everything at each half-life, per candidate (half-lives, n)."""
    counts = frame.raw.requests.overall_counts
    rate = (counts[:, Count.CLICKS] + OVERALL_CLICKS) / (counts[:, Count.VIEWS] + OVERALL_VIEWS)
    return np.ascontiguousarray(frame.per_request(rate).T)


def group_ctr(frame: Frame, counts: F64, h: int) -> F64:
    """CTR of a category's or subcategory's counts (n, kinds, half-lives), smoothed towards everything's."""
    prior = CATEGORY_PRIOR_VIEWS * frame.cached("overall_ctr", overall_ctr)[h]
    rate: F64 = (counts[:, Count.CLICKS, h] + prior) / (counts[:, Count.VIEWS, h] + CATEGORY_PRIOR_VIEWS)
    return rate


def smoothed_ctr(frame: Frame, h: int) -> F64:
    """An item's CTR at half-life `h`, smoothed towards its category's long-run one, (n,)."""
    rate: F64 = frame.cached("smoothed_ctr", _smoothed_ctr)[h]
    return rate


def _smoothed_ctr(frame: Frame) -> F64:
    prior = ITEM_PRIOR_VIEWS * group_ctr(frame, frame.items.category_counts, _LONG)
    rate: F64 = (frame.counts[Count.CLICKS] + prior) / (frame.counts[Count.VIEWS] + ITEM_PRIOR_VIEWS)
    return rate


def engaged(frame: Frame, h: int) -> F64:
    """Clicks and reads at half-life `h`, (n,)."""
    column: F64 = frame.cached("engaged", _engaged)[h]
    return column


def _engaged(frame: Frame) -> F64:
    total: F64 = frame.counts[Count.CLICKS] + frame.counts[Count.READS]
    return total


def log_clicks(frame: Frame, h: int) -> F64:
    """log(1 + clicks) at half-life `h`, (n,)."""
    column: F64 = frame.cached("log_clicks", _log_clicks)[h]
    return column


def _log_clicks(frame: Frame) -> F64:
    logs: F64 = np.log1p(frame.counts[Count.CLICKS])
    return logs


def _log_views(frame: Frame) -> F64:
    logs: F64 = np.log1p(frame.counts[Count.VIEWS])
    return logs


def _log_engaged(frame: Frame) -> F64:
    logs: F64 = np.log1p(frame.cached("engaged", _engaged))
    return logs


def _speed(frame: Frame, short: int, long: int) -> F64:
    """Log ratio of the short-term to the long-term rate of engagement: above 0 when rising."""
    per_hour_short = (engaged(frame, short) + 0.1) / HALF_LIVES_H[short]
    per_hour_long = (engaged(frame, long) + 0.1) / HALF_LIVES_H[long]
    ratio: F64 = np.log(per_hour_short / per_hour_long)
    return ratio


def _rate_of_engaged(frame: Frame, kind: Count) -> F64:
    rate: F64 = frame.counts[kind, _LONG] / (engaged(frame, _LONG) + ITEM_PRIOR_VIEWS)
    return rate


def _mean_dwell(frame: Frame) -> F64:
    seconds = frame.counts[Count.DWELL_S, _LONG] + DWELL_PRIOR_READS * DWELL_PRIOR_S
    mean: F64 = seconds / (frame.counts[Count.DWELLS, _LONG] + DWELL_PRIOR_READS)
    return mean


def half_life_reads(*indices: int) -> tuple[str, ...]:
    """What a feature reads that uses counters of these half-lives, for its fingerprint."""
    return tuple(f"half-life {HALF_LIVES_H[h]} h" for h in indices)


def ctr_reads(h: int) -> tuple[str, ...]:
    """What `smoothed_ctr` reads, for fingerprints."""
    return (
        *half_life_reads(h),
        f"item prior {ITEM_PRIOR_VIEWS:g}",
        *_GROUP_READS,
        f"category of {HALF_LIVES_H[_LONG]} h",
    )


_GROUP_READS = (f"category prior {CATEGORY_PRIOR_VIEWS:g}", f"overall prior {OVERALL_CLICKS:g}/{OVERALL_VIEWS:g}")
_RATE_READS = (*half_life_reads(_LONG), f"item prior {ITEM_PRIOR_VIEWS:g}")
_DWELL_READS = (
    *half_life_reads(_LONG),
    f"prior {DWELL_PRIOR_READS:g} x {DWELL_PRIOR_S:g} s",
    f"at most {MAX_DWELL_S:g} s",
)


def _half_life(hours: int, h: int) -> tuple[Feature, ...]:
    reads = half_life_reads(h)
    return (
        Feature(
            f"ctr_{hours}h",
            "popularity",
            f"click-through rate at {hours} h half-life, smoothed by the category's",
            lambda f: smoothed_ctr(f, h),
            ctr_reads(h),
        ),
        Feature(
            f"log_clicks_{hours}h",
            "popularity",
            f"log(1 + clicks) at {hours} h half-life",
            lambda f: log_clicks(f, h),
            reads,
        ),
        Feature(
            f"log_views_{hours}h",
            "popularity",
            f"log(1 + views) at {hours} h half-life",
            lambda f: f.cached("log_views", _log_views)[h],
            reads,
        ),
        Feature(
            f"log_engaged_{hours}h",
            "popularity",
            f"log(1 + clicks + reads) at {hours} h half-life",
            lambda f: f.cached("log_engaged", _log_engaged)[h],
            reads,
        ),
    )


def _speed_up(short: int, long: int) -> Feature:
    hours, of = HALF_LIVES_H[short], HALF_LIVES_H[long]
    return Feature(
        f"speed_{hours}h_{of}h",
        "popularity",
        f"log of engagement per hour, {hours} h over {of} h",
        lambda f: _speed(f, short, long),
        half_life_reads(short, long),
    )


FEATURES: tuple[Feature, ...] = (
    *(feature for h, hours in enumerate(HALF_LIVES_H) for feature in _half_life(hours, h)),
    *(_speed_up(h, h + 1) for h in range(_LONG)),
    Feature(
        "like_rate",
        "popularity",
        "likes, saves and shares a read",
        lambda f: _rate_of_engaged(f, Count.LIKES),
        _RATE_READS,
    ),
    Feature("hide_rate", "popularity", "hides a read", lambda f: _rate_of_engaged(f, Count.HIDES), _RATE_READS),
    Feature("mean_dwell_s", "popularity", "mean seconds read, smoothed", _mean_dwell, _DWELL_READS),
    Feature(
        "category_ctr",
        "popularity",
        "the category's CTR at 24 h half-life, smoothed by everything's",
        lambda f: group_ctr(f, f.items.category_counts, _DAY),
        (*half_life_reads(_DAY), *_GROUP_READS),
    ),
    Feature(
        "subcategory_ctr",
        "popularity",
        "the subcategory's CTR at 24 h half-life, smoothed by everything's",
        lambda f: group_ctr(f, f.items.subcategory_counts, _DAY),
        (*half_life_reads(_DAY), *_GROUP_READS),
    ),
    Feature(
        "log_regional",
        "popularity",
        f"log(1 + clicks and reads by users of the same region), {REGION_HALF_LIFE // HOUR} h half-life",
        lambda f: np.log1p(f.items.regional),
        (f"half-life {REGION_HALF_LIFE // HOUR} h",),
    ),
)
