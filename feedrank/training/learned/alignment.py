"""Turns a new fit into the axes of the one before, so that vectors of one space stay comparable from night to night.

A factorisation is settled only up to rotation and reflection; histories mix vectors of several nights. Knows nothing of
how vectors are fitted or kept.
"""

import numpy as np

from feedrank.training.learned.factors import ItemVectors
from feedrank.types import F32, Bools


def aligned(fitted: ItemVectors, before: F32, has: Bools) -> ItemVectors:
    """The orthogonal transform of `fitted` nearest to earlier vectors of the same items (Schoenemann 1966).

    `before` (n, d) holds each row's earlier vector, where `has` (n,). Without a common item nothing is turned. Angles
    between the vectors stay as they are.
    """
    if not has.any():
        return fitted
    u, _, vt = np.linalg.svd(fitted.values[has].T.astype(np.float64) @ before[has].astype(np.float64))
    turned = fitted.values.astype(np.float64) @ (u @ vt)
    turned /= np.sqrt(np.einsum("nd,nd->n", turned, turned))[:, None]
    return ItemVectors(fitted.rows, turned.astype(np.float32))
