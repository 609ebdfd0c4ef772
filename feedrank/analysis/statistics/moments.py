"""What is kept of an arm: how many users, and the means and covariances of their columns.

Every estimate of this package is a function of these moments, so a day of an experiment, or ten thousand simulated
experiments at once, are the same arrays with more leading dimensions. Knows nothing of metrics, variants or the log.
"""

from dataclasses import dataclass

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.types import F64, AnyArray


@dataclass(frozen=True, slots=True)
class Moments:
    """Of users in one arm of each of `...` experiments. Covariances are unbiased; NaN where n < 2."""

    n: F64  # (...)
    mean: F64  # (..., k)
    cov: F64  # (..., k, k)

    @classmethod
    def of(cls, columns: AnyArray) -> "Moments":
        """Of per-user values (..., n, k). InvalidInput for values that are not finite."""
        values = np.asarray(columns, np.float64)
        if not np.isfinite(values).all():
            raise InvalidInput(f"{int((~np.isfinite(values)).sum())} per-user values are not finite; mend the columns")
        n = np.full(values.shape[:-2], float(values.shape[-2]))
        mean = values.sum(axis=-2) / np.maximum(n, 1.0)[..., None]
        centred = values - mean[..., None, :]
        return cls(n, mean, _unbiased(n, np.swapaxes(centred, -1, -2) @ centred))

    @classmethod
    def from_sums(cls, n: AnyArray, sums: AnyArray, products: AnyArray) -> "Moments":
        """Of counts (...), sums (..., k) and sums of products (..., k, k), which add up over users."""
        count = np.asarray(n, np.float64)
        mean = np.asarray(sums, np.float64) / np.maximum(count, 1.0)[..., None]
        centred = products - count[..., None, None] * (mean[..., :, None] * mean[..., None, :])
        return cls(count, mean, _unbiased(count, centred))

    def pooled_mean(self, other: "Moments") -> F64:
        """(..., k) of both arms' users together."""
        total = self.n + other.n
        return np.asarray((self.n[..., None] * self.mean + other.n[..., None] * other.mean) / total[..., None])

    def within(self, other: "Moments") -> F64:
        """(..., k, k) the covariance within the arms: each about its own mean."""
        a, b = (self.n - 1.0)[..., None, None], (other.n - 1.0)[..., None, None]
        return np.asarray((a * self.cov + b * other.cov) / (a + b))


def _unbiased(n: F64, centred: F64) -> F64:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(n > 1.0, 1.0 / (n - 1.0), np.nan)[..., None, None] * centred)
