"""Many comparisons at once: p values as if there had been one.

Holm keeps the chance of any false discovery at the level, and is for what a launch hangs on; Benjamini-Hochberg keeps
the expected share of false ones among the discoveries, and is for looking through segments. Knows nothing of metrics.
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from statsmodels.stats.multitest import multipletests

from feedrank.types import F64


class Correction(StrEnum):
    """By statsmodels' names."""

    HOLM = "holm"
    BENJAMINI_HOCHBERG = "fdr_bh"


def adjusted(p_values: Sequence[float], correction: Correction) -> F64:
    """Adjusted p values in the order given. NaN stays NaN and does not count as a comparison."""
    p = np.asarray(p_values, np.float64)
    known = np.isfinite(p)
    result = np.full(len(p), np.nan)
    if known.any():
        result[known] = multipletests(p[known], method=correction.value)[1]
    return result
