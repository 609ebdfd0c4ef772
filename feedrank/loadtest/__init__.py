"""Open-loop load: calls sent when they are due, whatever became of earlier ones, and what came of them.

A stalled server cannot hide its stalls: latency counts from when a call was due, not from when it was sent (Tene, "How
not to measure latency", 2013). `schedule` says when calls are due, `generator` sends them, `figures` sums up, `sweep`
looks for the highest rate a service holds, `chart` draws. Used by scripts, never by what serves.
"""

from feedrank.loadtest.figures import Calls, Point, point_of
from feedrank.loadtest.generator import Generator
from feedrank.loadtest.schedule import Arrivals, due_times, length_for
from feedrank.loadtest.sweep import Bounds, Sweep, holds, sweep

__all__ = [
    "Arrivals",
    "Bounds",
    "Calls",
    "Generator",
    "Point",
    "Sweep",
    "due_times",
    "holds",
    "length_for",
    "point_of",
    "sweep",
]
