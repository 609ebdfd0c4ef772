"""The search for the highest rate held, over services whose capacity is known."""

import numpy as np
import pytest

from feedrank.errors import InvalidInput
from feedrank.loadtest import Bounds, Calls, Point, holds, point_of, sweep
from feedrank.loadtest.sweep import generator_late


def measured(rate: float, latency_ms: float, failed: int = 0, lag_ms: float = 0.0) -> Point:
    """A point of a thousand calls, all answered in the same time but for the failed ones."""
    due = np.arange(1_000) / rate
    sent = due + lag_ms / 1e3
    codes = ["RESOURCE_EXHAUSTED"] * failed + ["OK"] * (1_000 - failed)
    return point_of(
        Calls(due, sent, due + latency_ms / 1e3, codes, np.zeros(1_000, bool), [1] * 1_000), rate, 1.0, 50.0
    )


class Service:
    """Answers within 5 ms up to its capacity and in 500 ms beyond it; its first `stalls` measurements all fail."""

    def __init__(self, capacity: float, stalls: int = 0) -> None:
        self.capacity, self.stalls, self.rates = capacity, stalls, list[float]()

    def __call__(self, rate: float) -> Point:
        self.rates.append(rate)
        stalled = len(self.rates) <= self.stalls
        return measured(rate, 500.0 if stalled or rate > self.capacity else 5.0)


@pytest.mark.parametrize("capacity", [7.0, 37.0, 100.0, 640.0, 1_333.0])
@pytest.mark.parametrize("first", [20.0, 100.0])
def test_the_rate_held_is_the_capacity_to_within_the_precision(capacity: float, first: float) -> None:
    found = sweep(Service(capacity), first, precision=0.05)
    assert capacity / 1.05 <= found.held <= capacity
    assert found.best is not None and found.best.rate == found.held


def test_a_service_that_holds_nothing_is_told_so_after_halving() -> None:
    service = Service(0.0)
    found = sweep(service, 16.0, tries=1)
    assert found.held == 0.0 and found.best is None
    assert service.rates == [16.0, 8.0, 4.0, 2.0, 1.0]


def test_one_stall_does_not_end_the_search_but_two_of_two_do() -> None:
    assert sweep(Service(100.0, stalls=1), 50.0, tries=2).held > 95.0
    service = Service(100.0, stalls=2)
    assert sweep(service, 50.0, tries=2).held < 50.0
    assert service.rates[:3] == [50.0, 50.0, 25.0]


def test_points_are_kept_in_the_order_they_were_measured() -> None:
    service = Service(90.0)
    found = sweep(service, 40.0, tries=1)
    assert [point.rate for point in found.points] == service.rates
    assert found.as_json()["held"] == found.held and len(found.as_json()["points"]) == len(service.rates)


def test_holding_means_the_bound_at_p99_and_hardly_a_failure() -> None:
    bounds = Bounds(p99_ms=50.0, failed_share=0.001)
    assert holds(measured(10.0, 49.9), bounds)
    assert not holds(measured(10.0, 50.1), bounds)
    assert holds(measured(10.0, 5.0, failed=1), bounds)
    assert not holds(measured(10.0, 5.0, failed=2), bounds)
    assert not holds(measured(10.0, 5.0, failed=1_000), bounds)


def test_a_late_generator_is_told_apart_from_a_slow_service() -> None:
    assert generator_late(measured(10.0, 60.0, lag_ms=20.0), Bounds())
    assert not generator_late(measured(10.0, 60.0, lag_ms=1.0), Bounds())


def test_a_service_without_end_stops_the_search() -> None:
    found = sweep(Service(float("inf")), 1_000.0)
    assert found.held <= 100_000.0 < 2 * found.held


@pytest.mark.parametrize("wrong", [{"first": 0.0}, {"precision": 0.0}, {"tries": 0}])
def test_a_search_that_cannot_be_run_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="cannot be run"):
        sweep(Service(1.0), **{"first": 1.0, **wrong})  # type: ignore[arg-type]
