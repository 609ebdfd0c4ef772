"""What a stretch of load comes to: latency from when calls were due, goodput, errors by code, the sender's own lag."""

import json
import math

import numpy as np
import pytest

from feedrank.loadtest import Calls, point_of
from feedrank.loadtest.figures import percentiles


def calls(due: list[float], sent: list[float], ended: list[float], codes: list[str], items: list[int]) -> Calls:
    nothing = np.zeros(len(due), np.bool_)
    return Calls(np.array(due), np.array(sent), np.array(ended), codes, nothing, items, cpu_s=0.5)


def test_latency_counts_from_when_a_call_was_due_not_from_when_it_was_sent() -> None:
    # A server stalls for a second: the second call could only be sent when the stall was over, and was quick then.
    stalled = calls([0.0, 0.1], [0.0, 1.0], [1.0, 1.01], ["OK", "OK"], [20, 20])
    point = point_of(stalled, rate=10.0, seconds=0.2, bound_ms=50.0)
    assert point.latency_ms["max"] == pytest.approx(1_000.0)
    assert point.latency_ms["p50"] == pytest.approx(1_000.0)  # a value that occurred: the upper of two
    assert point.lag_ms["max"] == pytest.approx(900.0)


def test_goodput_counts_answers_within_the_bound_over_the_time_all_took() -> None:
    some = calls([0.0, 0.5, 1.0, 1.5], [0.0, 0.5, 1.0, 1.5], [0.01, 0.6, 1.02, 4.0], ["OK"] * 4, [20] * 4)
    point = point_of(some, rate=2.0, seconds=2.0, bound_ms=50.0)
    assert point.answered == 4
    assert point.per_s == pytest.approx(1.0)  # four answers in the four seconds until the last one
    assert point.goodput_per_s == pytest.approx(0.5)
    assert point.generator_cpu == pytest.approx(0.125)


def test_refusals_are_counted_by_code_and_timed_apart() -> None:
    codes = ["OK", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"]
    some = calls([0.0, 0.1, 0.2, 0.3], [0.0, 0.1, 0.2, 0.31], [0.02, 0.103, 1.2, 0.312], codes, [0, 0, 0, 0])
    point = point_of(some, rate=10.0, seconds=0.4, bound_ms=50.0)
    assert point.codes == {"DEADLINE_EXCEEDED": 1, "OK": 1, "RESOURCE_EXHAUSTED": 2}
    assert point.latency_ms["max"] == pytest.approx(20.0)
    assert point.refused_ms["max"] == pytest.approx(1_000.0)
    assert point.refused_ms["p50"] == pytest.approx(3.0)  # from when they were sent
    assert point.empty == 1


def test_degraded_answers_are_a_share_of_answers() -> None:
    some = Calls(
        np.zeros(4),
        np.zeros(4),
        np.full(4, 0.01),
        ["OK", "OK", "UNAVAILABLE", "OK"],
        np.array([1, 0, 0, 0], bool),
        [1] * 4,
    )
    assert point_of(some, 4.0, 1.0, 50.0).degraded_share == pytest.approx(1 / 3)


def test_nothing_answered_leaves_percentiles_undefined_and_json_null() -> None:
    point = point_of(calls([0.0], [0.0], [0.5], ["UNAVAILABLE"], [0]), 1.0, 1.0, 50.0)
    assert math.isnan(point.latency_ms["p99"]) and point.per_s == 0.0 and point.degraded_share == 0.0
    written = json.loads(json.dumps(point.as_json(), allow_nan=False))
    assert written["latency_ms"]["p99"] is None and written["codes"] == {"UNAVAILABLE": 1}


def test_no_call_at_all_is_a_point_too() -> None:
    point = point_of(calls([], [], [], [], []), 0.1, 1.0, 50.0)
    assert point.calls == 0 and point.answered == 0


def test_percentiles_are_values_that_occurred() -> None:
    found = percentiles(np.arange(1.0, 101.0))
    assert found["p50"] == 51.0 and found["p99"] == 100.0 and found["max"] == 100.0
    assert percentiles(np.array([3.0]))["p99.9"] == 3.0
