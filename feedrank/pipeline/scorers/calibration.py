"""Calibration: the probability of a click that a margin stands for, read off a monotone curve.

Knows nothing of how the curve was fitted.
"""

from dataclasses import dataclass, field

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.types import F64


@dataclass(frozen=True, slots=True)
class Calibration:
    """Knots of a curve that never falls: margins (k,) ascending, probabilities (k,) within 0..1.

    Between knots it is linear; beyond the first and last it stays level.
    """

    margins: tuple[float, ...]
    probabilities: tuple[float, ...]
    _knots: tuple[F64, F64] = field(init=False, repr=False, compare=False)  # both as arrays

    def __post_init__(self) -> None:
        """Refuses a curve that cannot be read. InvalidInput."""
        x, y = np.array(self.margins), np.array(self.probabilities)
        if not len(x) or len(x) != len(y) or not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise InvalidInput(
                f"a calibration needs as many finite margins as probabilities, not {len(x)} and {len(y)}"
            )
        if (np.diff(x) <= 0).any() or (np.diff(y) < 0).any() or y[0] < 0.0 or y[-1] > 1.0:
            raise InvalidInput("a calibration's margins must rise and its probabilities not fall, within 0 to 1")
        object.__setattr__(self, "_knots", (x, y))

    def probability(self, margins: F64) -> F64:
        """The probability of a click for each margin, (n,) float64."""
        return np.asarray(np.interp(margins, *self._knots), np.float64)
