"""The yardstick: a logistic regression on the very rows a ranker is fitted to, which a ranker worth serving must beat.

Features are standardised, what is unknown counts as their mean. Knows nothing of trees or of how rows are made.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression

from feedrank.registry import LinearYardstick
from feedrank.types import F32, F64, AnyArray

MOST_ROWS = 100_000  # a hundred weights are as good from these as from millions
REGULARISATION = 1.0  # scikit-learn's C; on standardised columns the result hardly depends on it
MOST_STEPS = 300


def fit_yardstick(rows: F32, labels: AnyArray, seed: int) -> LinearYardstick | None:
    """The regression of "clicked" on rows (n, f), from a seeded sample of them; None if all labels are equal."""
    clicked = labels > 0
    if clicked.all() or not clicked.any():
        return None
    if len(rows) > MOST_ROWS:
        chosen = np.sort(np.random.default_rng(seed).choice(len(rows), MOST_ROWS, replace=False))
        rows, clicked = rows[chosen], clicked[chosen]
    known = ~np.isnan(rows)
    counts = np.maximum(known.sum(axis=0), 1)
    values = np.where(known, rows, 0.0).astype(np.float64)
    means = values.sum(axis=0) / counts
    gaps = np.where(known, rows - means, 0.0)
    scales = np.sqrt((gaps * gaps).sum(axis=0) / counts)
    scales = np.where(scales > 1e-9, scales, 1.0)
    model = LogisticRegression(C=REGULARISATION, max_iter=MOST_STEPS, tol=1e-3)
    model.fit(gaps / scales, clicked)
    return LinearYardstick(
        means=tuple(means.tolist()), scales=tuple(scales.tolist()), weights=tuple(model.coef_[0].tolist())
    )


def yardstick_scores(yardstick: LinearYardstick, rows: F32) -> F64:
    """The yardstick's score of rows (n, f), (n,)."""
    gaps = (rows - np.array(yardstick.means)) / np.array(yardstick.scales)
    scores: F64 = np.where(np.isnan(gaps), 0.0, gaps) @ np.array(yardstick.weights)
    return scores
