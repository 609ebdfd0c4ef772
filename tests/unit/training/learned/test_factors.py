"""Vectors of a pair table: against a dense reference, and what must hold of any."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from feedrank.training.learned.alignment import aligned
from feedrank.training.learned.factors import SMOOTHING, FitSettings, ItemVectors, Pairs, fit


def both_ways(pairs: dict[tuple[int, int], float]) -> Pairs:
    firsts = [a for a, b in pairs] + [b for a, b in pairs]
    seconds = [b for a, b in pairs] + [a for a, b in pairs]
    weights = list(pairs.values()) * 2
    return Pairs(np.array(firsts, np.int32), np.array(seconds, np.int32), np.array(weights, np.float64))


def communities(seed: int = 0, groups: int = 3, members: int = 12) -> Pairs:
    """Items 10, 11, ... in groups that are read together twenty times as often as across."""
    rng = np.random.default_rng(seed)
    n = groups * members
    found = {}
    for a in range(n):
        for b in range(a + 1, n):
            found[10 + a, 10 + b] = float(rng.poisson(20.0 if a // members == b // members else 1.0))
    return both_ways({pair: weight for pair, weight in found.items() if weight > 0})


def test_cosines_are_those_of_a_dense_decomposition() -> None:
    pairs, wanted = communities(), FitSettings(dimensions=4)
    rows, a = np.unique(pairs.firsts, return_inverse=True)
    b = np.searchsorted(rows, pairs.seconds)
    counts = np.zeros((len(rows), len(rows)))
    counts[a, b] = pairs.weights
    totals = counts.sum(axis=1)
    smoothed = totals**SMOOTHING / (totals**SMOOTHING).sum()
    expected = np.sqrt(np.outer(totals, smoothed) * np.outer(smoothed, totals))
    with np.errstate(divide="ignore"):
        positive = np.maximum(np.log(counts / expected), 0.0)
    values, vectors = np.linalg.eigh(positive)
    largest = np.argsort(-np.abs(values))[:4]
    dense = vectors[:, largest] * np.sqrt(np.abs(values[largest]))
    dense /= np.linalg.norm(dense, axis=1, keepdims=True)
    found = fit(pairs, wanted)
    assert found.rows.tolist() == rows.tolist()
    np.testing.assert_allclose(found.values @ found.values.T, dense @ dense.T, atol=0.02)


def test_what_is_read_together_is_near() -> None:
    found = fit(communities(), FitSettings(dimensions=8))
    cosines = found.values @ found.values.T
    group = np.arange(36) // 12
    same = group[:, None] == group
    np.fill_diagonal(same, False)
    assert cosines[same].mean() > 0.6
    assert cosines[group[:, None] != group].mean() < 0.2


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda pair: pair[0] < pair[1]),
        st.floats(0.01, 50.0),
        max_size=40,
    ),
    st.integers(2, 20),
)
def test_any_table_gives_unit_vectors_and_always_the_same(table: dict[tuple[int, int], float], dimensions: int) -> None:
    wanted = FitSettings(dimensions=dimensions)
    found, again = fit(both_ways(table), wanted), fit(both_ways(table), wanted)
    assert found.values.tobytes() == again.values.tobytes()
    assert found.values.shape == (len(found.rows), dimensions)
    np.testing.assert_allclose(np.linalg.norm(found.values, axis=1), 1.0, atol=1e-5)
    weights: dict[int, float] = {}
    for (a, b), weight in table.items():
        weights[a], weights[b] = weights.get(a, 0.0) + weight, weights.get(b, 0.0) + weight
    assert set(found.rows.tolist()) <= {row for row, weight in weights.items() if weight >= wanted.min_weight}


def test_a_rotated_fit_is_turned_back() -> None:
    fitted = fit(communities(), FitSettings(dimensions=6))
    rotation, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 6)))
    rotated = ItemVectors(fitted.rows, (fitted.values @ rotation).astype(np.float32))
    known = np.arange(len(fitted.rows)) % 3 > 0  # a third is new
    before = np.where(known[:, None], fitted.values, 0.0).astype(np.float32)
    turned = aligned(rotated, before, known)
    np.testing.assert_allclose(turned.values, fitted.values, atol=1e-4)  # the new ones, too
    np.testing.assert_allclose(np.linalg.norm(turned.values, axis=1), 1.0, atol=1e-6)


def test_without_a_common_item_nothing_is_turned() -> None:
    fitted = fit(communities(), FitSettings(dimensions=6))
    nothing = np.zeros(len(fitted.rows), np.bool_)
    assert aligned(fitted, np.zeros_like(fitted.values), nothing) is fitted
