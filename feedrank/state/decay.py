"""Forward decay: exponentially decayed sums that never need touching as time passes.

Cormode, Shkapenyuk, Srivastava, Xu: "Forward Decay: A Practical Time Decay Model for Streaming Systems", ICDE 2009. An
amount w at time t is added as w * 2^((t - L) / h) against a landmark L and divided by 2^((now - L) / h) at read.
Landmarks are whole numbers of spans of `SPAN_HALF_LIVES` half-lives since 1970, so moving one multiplies every sum by a
power of two: exact in binary floating point, hence invisible in any result, whenever it happens. Knows nothing of what
is summed.
"""

from functools import lru_cache

import numpy as np

from feedrank.types import F64, I64, Micros

# 2^256 and its reciprocal are far inside float64; a sum older than three spans underflows to zero, as it should.
SPAN_HALF_LIVES = 256

# What is left of a sum after 500 half-lives says nothing, and only far below it has underflow rounded sums whose
# landmarks moved at different times differently. Reading less than this as zero makes that invisible.
FAINTEST = 2.0**-500


def landmark_at(time: Micros, half_life: Micros) -> Micros:
    """The landmark in force at `time`: a fixed grid, the same for every process."""
    span = SPAN_HALF_LIVES * half_life
    return time // span * span


def next_landmark(time: Micros, half_life: Micros) -> Micros:
    """The first time at which another landmark is in force."""
    return landmark_at(time, half_life) + SPAN_HALF_LIVES * half_life


def growth(times: I64, landmark: Micros | I64, half_life: Micros | I64) -> F64:
    """2^((t - L) / h) for each time, broadcast with landmarks and half-lives.

    The fraction is computed modulo h: L never changes its bits.
    """
    whole, rest = np.divmod(times - landmark, half_life)
    return np.ldexp(np.exp2(rest / half_life), np.minimum(np.maximum(whole, -5000), 1000).astype(np.int32))


@lru_cache(maxsize=256)  # a request reads many columns at one instant
def shrink(now: Micros, landmark: Micros, half_life: Micros) -> float:
    """2^(-(now - L) / h): what a sum is multiplied by to be read at `now`."""
    whole, rest = divmod(now - landmark, half_life)
    factor = np.exp2(np.array([-rest / half_life]))
    return float(np.ldexp(factor, np.array([min(max(-whole, -5000), 1000)], dtype=np.int32))[0])


@lru_cache(maxsize=16)  # a request reads several tables at one instant
def shrinks(now: Micros, landmarks: tuple[Micros, ...], half_lives: tuple[Micros, ...], kinds: int) -> F64:
    """`shrink` for each of `half_lives` against its landmark, all of them once for each kind: (kinds * half-lives,)."""
    spans = np.array(half_lives)
    whole, rest = np.divmod(now - np.array(landmarks), spans)
    exponents = np.minimum(np.maximum(-whole, -5000), 1000).astype(np.int32)
    factors = np.concatenate([np.ldexp(np.exp2(-rest / spans), exponents)] * kinds)
    factors.flags.writeable = False  # it is lent to every caller
    return factors


def rebase(sums: F64, old: Micros, new: Micros, half_life: Micros) -> None:
    """Moves sums from landmark `old` to `new` in place, exactly (but for underflow to zero)."""
    halvings = (new - old) // half_life
    np.ldexp(sums, -int(np.clip(halvings, -4000, 4000)), out=sums)
