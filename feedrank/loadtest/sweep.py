"""The search for the highest rate a service holds: doubling until it does not, then halving what is left between.

Knows nothing of how a rate is measured.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from feedrank.errors import InvalidInput
from feedrank.loadtest.figures import Point

MOST_RATE = 100_000.0  # no Python client sends so much: a search that gets here measures nothing


@dataclass(frozen=True, slots=True)
class Bounds:
    """What it means that a service holds a rate."""

    p99_ms: float = 50.0
    failed_share: float = 0.001  # of calls, refused ones included: fewer than decide a p99
    lag_ms: float = 10.0  # the generator's own p99; beyond it the generator is what is measured


@dataclass(frozen=True, slots=True)
class Sweep:
    """A search: the highest rate held, 0 if none was, and all that was measured, in order."""

    held: float
    points: Sequence[Point] = field(default_factory=tuple)
    bounds: Bounds = Bounds()

    @property
    def best(self) -> Point | None:
        """What was measured at the highest rate held."""
        return next((p for p in self.points if p.rate == self.held and holds(p, self.bounds)), None)

    def as_json(self) -> dict[str, Any]:
        """The search for machines."""
        bounds = {"p99_ms": self.bounds.p99_ms, "failed_share": self.bounds.failed_share, "lag_ms": self.bounds.lag_ms}
        points = [{**p.as_json(), "generator_late": generator_late(p, self.bounds)} for p in self.points]
        return {"held": self.held, "bounds": bounds, "points": points}


def holds(point: Point, bounds: Bounds) -> bool:
    """Whether the service held this rate. A generator that is late counts against it: see `generator_late`."""
    failed = point.calls - point.answered
    if not point.answered or failed > bounds.failed_share * point.calls:
        return False
    return point.latency_ms["p99"] <= bounds.p99_ms


def generator_late(point: Point, bounds: Bounds) -> bool:
    """Whether the generator sent too late to judge the service by this point."""
    return point.calls > 0 and point.lag_ms["p99"] > bounds.lag_ms


def sweep(
    measure: Callable[[float], Point], first: float, bounds: Bounds = Bounds(), precision: float = 0.05, tries: int = 2
) -> Sweep:
    """Finds the highest rate held, to within `precision` of itself.

    Doubles from `first` while rates hold, or halves while none does (down to a sixteenth of it), then bisects. A rate
    that fails is tried `tries` times in all before it counts as not held: on a shared machine one stall of someone
    else's would end the search. InvalidInput for a first rate or a precision that is not positive.
    """
    if not (first > 0 and precision > 0 and tries >= 1):
        raise InvalidInput(f"a sweep from {first:g}/s to within {precision:g} in {tries} tries cannot be run")
    points: list[Point] = []

    def held(rate: float) -> bool:
        for _ in range(tries):
            points.append(measure(rate))
            if holds(points[-1], bounds):
                return True
        return False

    low, high = 0.0, first
    while high <= MOST_RATE and held(high):
        low, high = high, 2 * high
    if not low:
        floor = first / 16
        while not low and high / 2 >= floor:
            if held(high / 2):
                low = high / 2
            else:
                high /= 2
    while low and high <= MOST_RATE and high - low > precision * low:
        middle = (low + high) / 2
        low, high = (middle, high) if held(middle) else (low, middle)
    return Sweep(low, tuple(points), bounds)
