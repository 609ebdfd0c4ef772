"""Overload: what a round came to, by the stretch calls were due in, and when the service was calm again."""

import math

import numpy as np
import overload
import pytest

from feedrank.loadtest import Calls


def test_a_round_is_calm_then_three_times_the_peak_then_calm() -> None:
    due = overload.stretches(peak=100.0, seconds=20.0, seed=1)
    counts, _ = np.histogram(due, [0, 20, 40, 60])
    np.testing.assert_allclose(counts, [1_000, 6_000, 1_000], rtol=0.15)
    assert (np.diff(due) >= 0).all()


def test_recovery_ends_with_the_last_trouble() -> None:
    due = np.arange(0.0, 10.0, 0.01)
    latency = np.where(due < 6.5, 400.0, 5.0)
    answered = np.ones(len(due), np.bool_)
    assert overload.recovery_s(due, latency, answered, 5.0, 50.0) == pytest.approx(1.5, abs=0.02)
    answered[due < 7.0] = False
    assert overload.recovery_s(due, latency, answered, 5.0, 50.0) == pytest.approx(2.0, abs=0.02)


def test_no_trouble_is_no_recovery_and_one_straggler_is_forgiven() -> None:
    due = np.arange(0.0, 10.0, 0.01)
    latency, answered = np.full(len(due), 5.0), np.ones(len(due), np.bool_)
    assert overload.recovery_s(due, latency, answered, 5.0, 50.0) == pytest.approx(0.0, abs=0.01)
    latency[800] = 300.0
    assert overload.recovery_s(due, latency, answered, 5.0, 50.0) == pytest.approx(0.0, abs=0.01)


def test_a_service_that_never_recovers_has_no_figure() -> None:
    due = np.arange(0.0, 10.0, 0.01)
    failed = np.zeros(len(due), np.bool_)
    assert math.isnan(overload.recovery_s(due, np.full(len(due), 5.0), failed, 5.0, 50.0))
    assert math.isnan(overload.recovery_s(due, np.full(len(due), 5.0), failed, 99.0, 50.0))


def test_figures_are_of_the_middle_stretch() -> None:
    due = np.array([0.5, 1.1, 1.2, 1.3, 1.4, 2.5])
    codes = ["OK", "OK", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "OK"]
    ended = due + np.array([0.01, 0.02, 0.003, 0.004, 0.5, 0.01])
    degraded = np.array([False, True, False, False, False, False])
    figures = overload.figures_of(Calls(due, due, ended, codes, degraded, [1] * 6), 2.0, 1.0, 50.0)
    assert figures["goodput, share of the peak"] == pytest.approx(0.5)
    assert figures["degraded, share of answers"] == 1.0
    assert figures["refused, share"] == pytest.approx(0.5) and figures["failed otherwise, share"] == pytest.approx(0.25)
    assert figures["ms of a refusal, p99"] == pytest.approx(4.0)
    assert figures["s to recover"] == pytest.approx(0.5)
