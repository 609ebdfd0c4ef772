"""Intervals as words and as error bars. Knows nothing of what they are of."""

from collections.abc import Sequence
from typing import Any

from feedrank.analysis.page import NOTHING
from feedrank.analysis.theme import BLUE
from feedrank.training.bootstrap import Interval

ROW_HEIGHT, AROUND_ROWS = 26, 110  # pixels of a figure with one row a group


def spread(interval: Interval, decimals: int = 3) -> str:
    """An interval in words; a dash where there is none."""
    if interval.mean != interval.mean:
        return NOTHING
    return f"{interval.low:.{decimals}f} to {interval.high:.{decimals}f}"


def error_bars(spans: Sequence[Interval]) -> dict[str, Any]:
    """Plotly's error bars for the ends of intervals."""
    return {
        "symmetric": False,
        "array": [span.high - span.mean for span in spans],
        "arrayminus": [span.mean - span.low for span in spans],
        "color": BLUE,
        "thickness": 1.5,
    }
