"""Interests: planted tastes come back, hidden things push away, and the order of a history does not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from feedrank.errors import InvalidInput
from feedrank.index.interests import interest_vectors

NOTHING = np.zeros((0, 32), np.float32)
NO_WEIGHTS = np.zeros(0)


def unit(values: np.ndarray) -> np.ndarray:
    vectors: np.ndarray = (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)
    return vectors


def planted(rng: np.random.Generator, sizes: list[int], noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Centres along axes, and `sizes[i]` unit vectors around the i-th: cosines of about .8 within, 0 between."""
    centres = np.eye(32, dtype=np.float32)[: len(sizes)]
    around = np.repeat(centres, sizes, axis=0)
    return centres, unit(around + noise * unit(rng.standard_normal(around.shape)))


@pytest.mark.parametrize("sizes", [[30], [25, 10], [20, 12, 5], [20, 16, 12, 8], [20, 16, 12, 8, 4]])
def test_planted_tastes_are_recovered_heaviest_first(sizes: list[int]) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        centres, history = planted(rng, sizes)
        found = interest_vectors(history, np.ones(len(history)), NOTHING, NO_WEIGHTS)
        assert found.shape == (len(sizes), 32)
        assert found.dtype == np.float32
        assert (np.einsum("kd,kd->k", found, centres) > 0.9).all()


def test_more_tastes_than_wanted_are_merged_and_none_is_forgotten() -> None:
    centres, history = planted(np.random.default_rng(0), [6] * 9)
    found = interest_vectors(history, np.ones(len(history)), NOTHING, NO_WEIGHTS)
    assert found.shape == (5, 32)
    assert ((centres @ found.T).max(axis=1) > 0.4).all()
    assert interest_vectors(history, np.ones(len(history)), NOTHING, NO_WEIGHTS, max_clusters=2).shape == (2, 32)


def test_weights_order_the_interests_and_pull_their_centres() -> None:
    _, history = planted(np.random.default_rng(0), [10, 10])
    weights = np.concatenate([np.full(10, 1.0), np.full(10, 3.0)])
    found = interest_vectors(history, weights, NOTHING, NO_WEIGHTS)
    assert found[0, 1] > 0.9 and found[1, 0] > 0.9
    weights[12] = 1_000.0
    assert interest_vectors(history, weights, NOTHING, NO_WEIGHTS)[0] @ history[12] > 0.999


def test_weight_zero_does_not_count_unless_all_have_it() -> None:
    centres, history = planted(np.random.default_rng(0), [10, 6])
    weights = np.concatenate([np.ones(10), np.zeros(6)])
    alone = interest_vectors(history, weights, NOTHING, NO_WEIGHTS)
    assert np.array_equal(alone, interest_vectors(history[:10], np.ones(10), NOTHING, NO_WEIGHTS))
    alike = interest_vectors(history, np.zeros(16), NOTHING, NO_WEIGHTS)
    assert np.array_equal(alike, interest_vectors(history, np.ones(16), NOTHING, NO_WEIGHTS))
    assert (np.einsum("kd,kd->k", alike, centres) > 0.9).all()


def test_one_item_and_identical_items_are_their_own_interest() -> None:
    one = unit(np.random.default_rng(0).standard_normal((1, 32)))
    for count in (1, 2, 50):
        found = interest_vectors(np.repeat(one, count, 0), np.ones(count), NOTHING, NO_WEIGHTS)
        assert found.shape == (1, 32)
        assert np.allclose(found, one, atol=1e-6)
    assert interest_vectors(NOTHING, NO_WEIGHTS, one, np.ones(1)).shape == (0, 32)


def test_opposites_that_cancel_leave_the_heavier_one() -> None:
    pair = np.eye(32, dtype=np.float32)[:1] * np.array([[1.0], [-1.0]], np.float32)
    found = interest_vectors(pair, np.array([1.0, 1.0]), NOTHING, NO_WEIGHTS, max_clusters=1)
    assert np.abs(found[0, 0]) == 1.0


def test_what_was_hidden_pushes_interests_near_it_away_and_leaves_others_alone() -> None:
    axes = np.eye(32, dtype=np.float32)
    history = unit(np.stack([axes[0] + 0.3 * axes[2]] * 4 + [axes[1]] * 3))
    plain = interest_vectors(history, np.ones(7), NOTHING, NO_WEIGHTS)
    previous = plain[0, 2]
    for weight in (0.5, 2.0, 8.0, 1e6):
        pushed = interest_vectors(history, np.ones(7), axes[2:3], np.array([weight]))
        assert pushed[0, 2] < previous
        assert pushed[0, 2] > 0  # outweighed, never turned into a wish for the opposite
        assert np.array_equal(pushed[1], plain[1])
        previous = pushed[0, 2]


@settings(max_examples=80, deadline=None)
@given(
    arrays(np.int8, st.tuples(st.integers(1, 12), st.just(4)), elements=st.integers(-2, 2)),
    arrays(np.int8, st.tuples(st.integers(0, 3), st.just(4)), elements=st.integers(-2, 2)),
    st.integers(0, 2**32 - 1),
)
def test_any_history_gives_1_to_5_unit_vectors_whatever_its_order(
    grid: np.ndarray, hidden: np.ndarray, seed: int
) -> None:
    history, negatives = (unit(g[g.any(axis=1)].astype(np.float64)).reshape(-1, 4) for g in (grid, hidden))
    rng = np.random.default_rng(seed)
    weights, negative_weights = rng.integers(0, 3, len(history)) / 2.0, rng.integers(0, 3, len(negatives)) / 2.0
    found = interest_vectors(history, weights, negatives, negative_weights)
    assert (1 if len(history) else 0) <= len(found) <= 5
    assert np.allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)
    mixed, hidden_mixed = rng.permutation(len(history)), rng.permutation(len(negatives))
    again = interest_vectors(history[mixed], weights[mixed], negatives[hidden_mixed], negative_weights[hidden_mixed])
    assert found.tobytes() == again.tobytes()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_weights_that_mean_nothing_are_refused(bad: float) -> None:
    history = np.eye(32, dtype=np.float32)[:3]
    with pytest.raises(InvalidInput, match=r"^weights holds"):
        interest_vectors(history, np.array([1.0, bad, 1.0]), NOTHING, NO_WEIGHTS)
    with pytest.raises(InvalidInput, match="negative_weights has shape"):
        interest_vectors(history, np.ones(3), history, np.ones(2))
