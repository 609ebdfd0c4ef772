"""When things happen within a day: publishing and reading curves by hour, and draws of instants from them.

Curves are relative weights per hour of the clock. Knows nothing of articles or readers.
"""

from collections.abc import Mapping

import numpy as np

from feedrank.types import DAY, F64, HOUR, I64, Micros

PUBLISHING: Mapping[str, F64] = {
    "early": np.array([1, 1, 1, 2, 4, 9, 14, 14, 10, 8, 7, 6, 6, 6, 5, 5, 5, 4, 3, 2, 2, 1, 1, 1], dtype=np.float64),
    "day": np.array([1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 9, 9, 9, 8, 8, 8, 7, 6, 5, 4, 3, 2, 2, 1], dtype=np.float64),
    "evening": np.array([2, 1, 1, 1, 1, 2, 4, 5, 5, 5, 5, 5, 6, 6, 6, 7, 8, 9, 11, 12, 13, 12, 8, 4], dtype=np.float64),
}
READING: F64 = np.array(
    [2, 1, 0.6, 0.5, 0.6, 1.5, 5, 9, 9, 6, 5, 5, 8, 7, 5, 4.5, 5, 6.5, 7, 7.5, 9, 10, 8, 4.5], dtype=np.float64
)  # commute, lunch, evening
WEEKEND_PUBLISHING = 0.65  # of a weekday's articles
WEEKEND_READING = 1.1
_MONDAY_EPOCH_SHIFT = 3  # 1970-01-01 was a Thursday: (day + 3) % 7 is 0 on Mondays


def weekday(time: Micros) -> int:
    """0 for Monday to 6 for Sunday, in UTC."""
    return (time // DAY + _MONDAY_EPOCH_SHIFT) % 7


def hour_weights(start: Micros, hours: int, curve: F64, weekend: float) -> F64:
    """(hours,) weights of consecutive hours from `start`, a full hour UTC; weekend days are scaled by `weekend`."""
    index = start // HOUR + np.arange(hours, dtype=np.int64)
    days = (index // 24 + _MONDAY_EPOCH_SHIFT) % 7
    return np.asarray(curve[index % 24] * np.where(days >= 5, weekend, 1.0), dtype=np.float64)


def draw_instants(start: Micros, weights: F64, count: int, rng: np.random.Generator) -> I64:
    """(count,) instants, unsorted: an hour by weight, then uniformly within it, to the second."""
    hours = rng.choice(len(weights), size=count, p=weights / weights.sum())
    seconds = rng.integers(0, 3_600, size=count)
    return np.asarray(start + hours * HOUR + seconds * 1_000_000, dtype=np.int64)
