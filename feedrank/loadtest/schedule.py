"""When calls are due. Knows nothing of calls."""

from enum import StrEnum

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.types import F64


class Arrivals(StrEnum):
    """How calls follow one another."""

    POISSON = "poisson"  # as many independent users make them: bursts included
    EVEN = "even"  # one every 1/rate seconds


def length_for(rate: float, seconds: float, least_calls: int, most: float = 6.0) -> float:
    """How long to send at a rate, in seconds: as asked, or for so many calls that a p99 is more than their slowest.

    At most `most` times as long as asked: a service that holds next to nothing is told from fewer.
    """
    return min(max(seconds, least_calls / rate), most * seconds)


def due_times(rate: float, seconds: float, arrivals: Arrivals, seed: int) -> F64:
    """Seconds from the start at which calls are due, ascending, all in [0, seconds), (n,).

    `rate` is calls a second. Poisson arrivals follow from the seed, and n varies around rate * seconds. InvalidInput
    for a rate or a length that is not positive.
    """
    if not (rate > 0 and seconds > 0):
        raise InvalidInput(f"a rate of {rate:g}/s over {seconds:g} s is no load; send positive numbers")
    if arrivals is Arrivals.EVEN:
        return np.arange(int(np.ceil(rate * seconds))) / rate
    rng = np.random.default_rng(seed)
    # Given how many calls come, a Poisson process puts each anywhere in the interval alike.
    return np.sort(rng.uniform(0.0, seconds, rng.poisson(rate * seconds)))
