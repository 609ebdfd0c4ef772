"""Item vectors out of a table of what is read together: shifted positive PMI, cut to its leading directions.

Levy and Goldberg (2014) show that skip-gram with negative sampling factorises this matrix; Levy, Goldberg and Dagan
(2015) give the smoothing of contexts and the square root of the spectrum. Knows nothing of logs, of time, or of text.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from feedrank.types import F32, F64, I32, I64

SMOOTHING = 0.75  # exponent of a context's share: rare contexts would otherwise dominate (Levy et al. 2015)
OVERSAMPLED = 16  # directions beyond those wanted, and
ITERATIONS = 4  # passes of subspace iteration: the leading directions are then settled (Halko et al. 2011)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Weights of pairs of items read together, each in both directions."""

    firsts: I32  # (p,) rows
    seconds: I32  # (p,)
    weights: F64  # (p,) above 0


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How vectors are made. The defaults are chosen by recall on Globo's tuning days: see docs/retrieval.md."""

    dimensions: int = 64
    shift: float = 1.0  # k of log k: pairs must be k times likelier than chance
    min_weight: float = 3.0  # joint reads an item needs: one reader's path is no neighbourhood
    seed: int = 1


@dataclass(frozen=True, slots=True)
class ItemVectors:
    """Unit vectors by row."""

    rows: I32  # (n,) ascending
    values: F32  # (n, d)


def fit(pairs: Pairs, settings: FitSettings) -> ItemVectors:
    """Unit vectors of every item with enough joint reads. Deterministic; fewer dimensions where there are fewer items.

    Items whose vector would be zero, since nothing is read with them more than by chance, have none.
    """
    rows, matrix = _positive_pmi(pairs, settings)
    if not len(rows):
        return ItemVectors(rows, np.empty((0, settings.dimensions), np.float32))
    values = _leading(matrix, settings.dimensions, settings.seed)
    norms = np.sqrt(np.einsum("nd,nd->n", values, values))
    kept = norms > 1e-9 * norms.max(initial=0.0)
    unit = (values[kept] / norms[kept, None]).astype(np.float32)
    return ItemVectors(rows[kept], unit)


def _positive_pmi(pairs: Pairs, settings: FitSettings) -> tuple[I32, sparse.csr_array]:
    """The rows with enough weight, (n,), and their symmetric matrix of max(0, PMI - log shift), (n, n)."""
    rows, firsts = np.unique(pairs.firsts, return_inverse=True)
    enough = np.bincount(firsts, pairs.weights, len(rows)) >= settings.min_weight
    rows = rows[enough]
    if not len(rows):
        return rows.astype(np.int32), sparse.csr_array((0, 0))
    a, in_a = _places(rows, pairs.firsts)
    b, in_b = _places(rows, pairs.seconds)
    kept = in_a & in_b
    a, b, weights = a[kept], b[kept], pairs.weights[kept]
    totals = np.bincount(a, weights, len(rows))
    smoothed = totals**SMOOTHING
    smoothed /= max(smoothed.sum(), np.finfo(np.float64).tiny)
    # PMI with smoothed contexts on both sides keeps the matrix symmetric: their geometric mean.
    share = np.sqrt(totals[a] * smoothed[b] * totals[b] * smoothed[a])
    pmi = np.log(weights / share) - np.log(settings.shift)
    positive = pmi > 0
    shape = (len(rows), len(rows))
    return rows.astype(np.int32), sparse.csr_array((pmi[positive], (a[positive], b[positive])), shape=shape)


def _places(rows: I32, wanted: I32) -> tuple[I64, "np.ndarray[tuple[int], np.dtype[np.bool_]]"]:
    at = np.minimum(np.searchsorted(rows, wanted), len(rows) - 1)
    return at.astype(np.int64), rows[at] == wanted


def _leading(matrix: sparse.csr_array, dimensions: int, seed: int) -> F64:
    """The `dimensions` leading eigenvectors by size, times the square root of it, (n, dimensions); zeros beyond n."""
    n = matrix.shape[0]
    width = min(n, dimensions + OVERSAMPLED)
    basis = np.random.default_rng(seed).standard_normal((n, width))
    for _ in range(ITERATIONS):
        basis, _ = np.linalg.qr(matrix @ (matrix @ basis))
    inner = basis.T @ (matrix @ basis)
    values, vectors = np.linalg.eigh((inner + inner.T) / 2.0)
    order = np.argsort(-np.abs(values), kind="stable")[:dimensions]
    out = np.zeros((n, dimensions))
    out[:, : len(order)] = basis @ vectors[:, order] * np.sqrt(np.abs(values[order]))
    return out
