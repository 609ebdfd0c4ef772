"""When calls are due: even spacing, Poisson arrivals from a seed, and what is refused."""

import numpy as np
import pytest

from feedrank.errors import InvalidInput
from feedrank.loadtest import Arrivals, due_times, length_for


def test_even_arrivals_are_one_over_the_rate_apart() -> None:
    due = due_times(50.0, 2.0, Arrivals.EVEN, seed=1)
    assert len(due) == 100 and due[0] == 0.0
    np.testing.assert_allclose(np.diff(due), 0.02)


def test_a_rate_below_one_call_still_sends_one() -> None:
    assert due_times(0.1, 1.0, Arrivals.EVEN, seed=1).tolist() == [0.0]


def test_poisson_arrivals_follow_from_the_seed() -> None:
    once, again, other = (due_times(40.0, 5.0, Arrivals.POISSON, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(once, again)
    assert len(once) != len(other) or not np.array_equal(once, other)
    assert (np.diff(once) >= 0).all() and once.min() >= 0.0 and once.max() < 5.0


def test_poisson_arrivals_have_the_rate_and_exponential_gaps() -> None:
    due = due_times(200.0, 100.0, Arrivals.POISSON, seed=5)
    assert abs(len(due) - 20_000) < 4 * np.sqrt(20_000)
    gaps = np.diff(due)
    # Of an exponential distribution the standard deviation equals the mean; of even arrivals it is zero.
    assert abs(gaps.std() / gaps.mean() - 1.0) < 0.05


@pytest.mark.parametrize(("rate", "seconds"), [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (float("nan"), 1.0)])
def test_no_load_is_refused(rate: float, seconds: float) -> None:
    with pytest.raises(InvalidInput, match="is no load"):
        due_times(rate, seconds, Arrivals.EVEN, seed=1)


@pytest.mark.parametrize(("rate", "expected"), [(100.0, 10.0), (30.0, 10.0), (15.0, 20.0), (10.0, 30.0), (0.1, 60.0)])
def test_low_rates_last_longer_up_to_six_times(rate: float, expected: float) -> None:
    assert length_for(rate, 10.0, least_calls=300) == expected
