"""Margins: what a second model's are called among the score columns, and what becomes of those that are no numbers."""

import numpy as np

from feedrank.types import F64

RIVAL = "rival"  # the second model's margin, in a feed that two models draft


def sunk(margin: F64) -> F64:
    """Margins (n,) with non-finite ones below all others: they sink to the bottom, they are not dropped."""
    finite = np.isfinite(margin)
    if finite.all():
        return margin.astype(np.float64)
    floor = float(margin[finite].min()) - 1.0 if finite.any() else 0.0
    return np.where(finite, margin, floor)
