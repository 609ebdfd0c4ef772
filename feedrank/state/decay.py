"""Forward decay: exponentially decayed sums that never need touching as time passes.

Cormode, Shkapenyuk, Srivastava, Xu: "Forward Decay: A Practical Time Decay Model for Streaming Systems", ICDE 2009. An
amount w at time t is added as w * 2^((t - L) / h) against a landmark L and divided by 2^((now - L) / h) at read.
Landmarks are whole numbers of spans of `SPAN_HALF_LIVES` half-lives since 1970, so moving one multiplies every sum by a
power of two: exact in binary floating point, hence invisible in any result, whenever it happens. Knows nothing of what
is summed.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from feedrank.types import F64, I64, Micros

# 2^256 and its reciprocal are far inside float64; a sum older than three spans underflows to zero, as it should.
SPAN_HALF_LIVES = 256
_LEAST, _MOST = -5000, 1000  # exponents beyond which a factor is 0, or no time of this millennium
_FEW = 8  # times whose factors are worked out one by one

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
    return np.ldexp(np.exp2(rest / half_life), np.minimum(np.maximum(whole, _LEAST), _MOST).astype(np.int32))


def growths(times: Sequence[Micros], landmarks: Sequence[Micros], half_lives: Sequence[Micros]) -> F64:
    """`growth` of each time for each half-life against its landmark, to the bit: (times, half-lives)."""
    if len(times) > _FEW:
        return growth(np.array(times, np.int64)[:, None], np.array(landmarks), np.array(half_lives))
    whole, parts = [], []  # by Python's integers, sooner than by many a NumPy call
    for time in times:
        for landmark, half_life in zip(landmarks, half_lives, strict=True):
            halvings, rest = divmod(time - landmark, half_life)
            whole.append(min(max(halvings, _LEAST), _MOST))
            parts.append(rest / half_life)
    found: F64 = np.ldexp(np.exp2(np.array(parts)), np.array(whole, np.int32))
    return found.reshape(len(times), len(half_lives))


@lru_cache(maxsize=256)  # a request reads many columns at one instant
def shrink(now: Micros, landmark: Micros, half_life: Micros) -> float:
    """2^(-(now - L) / h): what a sum is multiplied by to be read at `now`."""
    whole, rest = divmod(now - landmark, half_life)
    factor = np.exp2(np.array([-rest / half_life]))
    return float(np.ldexp(factor, np.array([min(max(-whole, _LEAST), _MOST)], dtype=np.int32))[0])


@lru_cache(maxsize=16)  # a request reads several tables at one instant
def shrinks(now: Micros, landmarks: tuple[Micros, ...], half_lives: tuple[Micros, ...], kinds: int) -> F64:
    """`shrink` for each of `half_lives` against its landmark, all of them once for each kind: (kinds * half-lives,)."""
    parts, exponents = [], []
    for landmark, half_life in zip(landmarks, half_lives, strict=True):
        whole, rest = divmod(now - landmark, half_life)
        parts.append(-rest / half_life)
        exponents.append(min(max(-whole, _LEAST), _MOST))
    factors: F64 = np.concatenate([np.ldexp(np.exp2(np.array(parts)), np.array(exponents, np.int32))] * kinds)
    factors.flags.writeable = False  # it is lent to every caller
    return factors


def rebase(sums: F64, old: Micros, new: Micros, half_life: Micros) -> None:
    """Moves sums from landmark `old` to `new` in place, exactly (but for underflow to zero)."""
    halvings = (new - old) // half_life
    np.ldexp(sums, -int(np.clip(halvings, -4000, 4000)), out=sums)
