"""The hash that decides: a point in 0..9999 for a purpose, a salt and a unit. The same in every process and language.

    digest = SHA-256(UTF-8 of purpose, byte 0, UTF-8 of salt, byte 0, UTF-8 of unit)
    bucket = (the digest's first 8 bytes as an unsigned big-endian integer) mod 10,000

Test vectors stand in docs/guides/experiments.md. Purposes keep decisions about one unit independent of each other. No
part may hold byte 0. Knows nothing of experiments.
"""

import hashlib
from collections.abc import Iterable
from enum import StrEnum

import numpy as np

from feedrank.types import I32

BUCKETS = 10_000  # so that a hundredth of a percent is the smallest share; 2^64 mod 10,000 biases by 5e-16


class Purpose(StrEnum):
    """What a bucket decides."""

    HOLDOUT = "holdout"  # salted with the holdout's salt
    LAYER = "layer"  # salted with the layer's name
    TRAFFIC = "traffic"  # audience's percentage and ramp; salted with the experiment's salt
    VARIANT = "variant"  # salted with the experiment's salt


def bucket(purpose: Purpose, salt: str, unit: str) -> int:
    """The bucket of one unit, 0..9999."""
    digest = hashlib.sha256(b"\0".join((purpose.encode(), salt.encode(), unit.encode()))).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def buckets(purpose: Purpose, salt: str, units: Iterable[str]) -> I32:
    """The buckets of many units, (n,)."""
    return np.fromiter((bucket(purpose, salt, unit) for unit in units), np.int32)
