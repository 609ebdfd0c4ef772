"""Vectors as the index keeps and checks them: float16 widened exactly, and unit length verified.

Knows nothing of rows, spaces or search; which vector is in force for an item is `feedrank.state`'s to know.
"""

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.types import F16, F32

NORM_TOLERANCE = 0.01  # float16 rounding moves a unit vector's norm by at most 5e-4; anything beyond is no unit vector

# Every float16 as float32. One look-up is twice as fast as NumPy's conversion and gives the same bits.
_SINGLE_OF_HALF: F32 = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)


def widen(halves: F16) -> F32:
    """The same values as float32, exactly; any shape, contiguous."""
    return _SINGLE_OF_HALF.take(halves.view(np.uint16))


def check_unit(values: F32, dimensions: int) -> None:
    """Refuses what is not `(n, dimensions)` finite unit-length vectors.

    Raises:
        InvalidInput: naming the first offending vector.
    """
    if values.ndim != 2 or values.shape[1] != dimensions:
        raise InvalidInput(f"vectors have shape {values.shape}; this space needs (n, {dimensions})")
    squares = np.einsum("nd,nd->n", values, values, dtype=np.float64)
    wrong = ~(np.abs(np.sqrt(squares) - 1.0) <= NORM_TOLERANCE)  # true of NaN and infinity too
    if wrong.any():
        first = int(np.argmax(wrong))
        raise InvalidInput(f"vector {first} has norm {np.sqrt(squares[first]):g}; send finite values of unit length")
