"""A user's interests as 1 to 5 unit vectors, from the vectors of what the user did.

Ward clusters over a history's embeddings, the heaviest first (PinnerSage, Pal et al. 2020), each spoken for by its
weighted mean and pushed away from what the user turned down (Rocchio 1971). The weights carry recency and kind of
action, and are the caller's, who may add vectors of recent searches to the result. Knows nothing of actions, clocks or
items.
"""

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.kernels import products, ward
from feedrank.types import F32, F64, I64

MAX_CLUSTERS = 5
CANCELLED = 1e-6  # a mean this short has no direction
PUSH = 0.9  # of the likeness to what was hidden; below 1, so that hiding what one reads leaves an interest all the same
# Ward height at which interests part; two single articles do below a cosine of .155. On MIND's subcategories with
# MiniLM, lower cuts give every short history five interests, and 1.6 blends unrelated pairs and finds fewer topics.
CUT = 1.3


def interest_vectors(
    vectors: F32, weights: F64, negatives: F32, negative_weights: F64, max_clusters: int = MAX_CLUSTERS
) -> F32:
    """Clusters a history into interests. The result does not depend on the order of its rows, to the bit.

    Vectors of weight 0 do not count, unless all have it: then all count alike. From the centre c of a cluster of
    weight W, negatives n_j of weight v_j take `PUSH · sum_j s_j p_j n_j / (W + sum_j s_j)`, where `p_j = max(0, c·n_j)`
    and `s_j = v_j p_j`: at most nine tenths of its likeness to one of them, and nothing where there is none.

    Args:
        vectors: `(n, d)` unit length, what the user engaged with.
        weights: `(n,)`, 0 or more.
        negatives: `(m, d)` unit length, what the user hid.
        negative_weights: `(m,)`, 0 or more, on the scale of `weights`.
        max_clusters: at least 1.

    Returns: `(k, d)` float32, unit length, heaviest cluster first; k from 1 to `max_clusters`, 0 only for an empty
        history.

    Raises:
        InvalidInput: for weights that are negative, not finite, or not one per vector.
    """
    _check_weights("weights", weights, len(vectors))
    _check_weights("negative_weights", negative_weights, len(negatives))
    if len(vectors) == 0:
        return vectors.astype(np.float32)
    if weights.any():
        vectors, weights = vectors[weights > 0], weights[weights > 0]
    else:
        weights = np.ones(len(vectors))
    vectors, weights = _in_canonical_order(vectors, weights)
    negatives, negative_weights = _in_canonical_order(negatives, negative_weights)
    cluster = _ward_clusters(vectors, max_clusters)
    masses = np.bincount(cluster, weights)
    centres = _centres(vectors, weights, cluster)
    if len(negatives):
        likeness = np.maximum(centres @ negatives.T, 0.0)
        strength = likeness * negative_weights  # (k, m)
        share = strength / (masses + strength.sum(axis=1))[:, None]
        centres -= PUSH * (share * likeness) @ negatives
        centres /= np.sqrt(np.einsum("kd,kd->k", centres, centres))[:, None]
    return centres[np.argsort(-masses, kind="stable")].astype(np.float32)


def _centres(vectors: F32, weights: F64, cluster: I64) -> F64:
    """The weighted mean direction of each cluster, `(k, d)`; its heaviest member's where members cancel out."""
    members = np.zeros((int(cluster.max()) + 1, len(vectors)))
    members[cluster, np.arange(len(vectors))] = weights
    means = members @ vectors.astype(np.float64) / members.sum(axis=1)[:, None]
    norms = np.sqrt(np.einsum("kd,kd->k", means, means))
    cancelled = norms < CANCELLED
    means[cancelled] = vectors[members.argmax(axis=1)[cancelled]]
    centres: F64 = means / np.where(cancelled, 1.0, norms)[:, None]
    return centres


def _ward_clusters(vectors: F32, max_clusters: int) -> I64:
    """The cluster of each of `(n, d)` vectors, numbered from 0."""
    squares = np.maximum(2.0 - 2.0 * products(vectors, vectors).astype(np.float64), 0.0)
    return ward(squares, CUT * CUT, max_clusters)


def _in_canonical_order(vectors: F32, weights: F64) -> tuple[F32, F64]:
    """The same rows, heaviest first and equal weights by their bytes, so that sums and ties do not hang on the caller's
    order.
    """
    vectors, weights = np.ascontiguousarray(vectors, np.float32), np.asarray(weights, np.float64)
    if len(vectors) == 0:
        return vectors, weights
    order = np.argsort(vectors.view(f"V{vectors.dtype.itemsize * vectors.shape[1]}").ravel(), kind="stable")
    order = order[np.argsort(-weights[order], kind="stable")]
    return vectors[order], weights[order]


def _check_weights(name: str, weights: F64, count: int) -> None:
    if weights.shape != (count,):
        raise InvalidInput(f"{name} has shape {weights.shape} for {count} vectors; send one weight each")
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise InvalidInput(f"{name} holds a value that is negative or not finite; send weights of 0 or more")
