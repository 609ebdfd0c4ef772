"""Measures of lists against brute force, hand-computed numbers and what their papers say of the ends."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import distance as reference

from feedrank.training.audit.divergence import (
    by_rank,
    group_shares,
    jensen_shannon,
    kullback_leibler,
    top_shares,
)
from feedrank.training.audit.lists import TOP, Lists
from feedrank.training.audit.measures import attention, coverage, exposure, gini, list_means, pairwise, self_information


def lists_of(*tops: list[int], pools: list[list[int]] | None = None) -> Lists:
    """Lists of the given rows, each chosen from its own pool or from itself."""
    top = np.full((len(tops), TOP), -1, np.int32)
    for i, rows in enumerate(tops):
        top[i, : len(rows)] = rows
    pools = pools or [list(rows) for rows in tops]
    offsets = np.concatenate([[0], np.cumsum([len(p) for p in pools])]).astype(np.int64)
    pool = np.array([row for p in pools for row in p], np.int32)
    return Lists(top, pool, offsets, np.zeros(len(tops), np.int64), tuple(f"u{i}" for i in range(len(tops))))


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=30).filter(lambda v: sum(v) > 1e-6))
def test_gini_is_half_the_relative_mean_difference(values: list[float]) -> None:
    x = np.array(values)
    brute = np.abs(x[:, None] - x[None, :]).sum() / (2 * len(x) ** 2 * x.mean())
    assert gini(x) == pytest.approx(brute, abs=1e-9)


def test_gini_at_its_ends() -> None:
    assert gini(np.full(7, 3.0)) == pytest.approx(0.0)
    assert gini(np.array([0.0, 0.0, 0.0, 5.0])) == pytest.approx(0.75)
    assert np.isnan(gini(np.zeros(3)))


def test_exposure_hands_out_one_a_list_by_place() -> None:
    lists = lists_of([2, 0], [2])
    got = exposure(lists, 4)
    first = 1.0 / (1.0 + 1.0 / np.log2(3))
    assert got == pytest.approx([1 - first, 0, first + 1, 0])
    assert attention()[:3] == pytest.approx([1.0, 0.63093, 0.5], abs=1e-5)
    assert coverage(lists_of([1, 2], [2], pools=[[0, 1, 2], [2, 3]])) == 0.5


def test_the_rarer_the_more_it_tells() -> None:
    assert self_information(np.array([3, 1, 0]), 3) == pytest.approx([0.0, 1.0, 2.0])
    means = list_means(lists_of([0, 2], []).top, np.array([0.0, 1.0, 2.0]))
    assert means[0] == 1.0 and np.isnan(means[1])


def test_pairs_equal_brute_force_and_skip_what_has_no_vector() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((30, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[7] = vectors[3]
    known = np.ones(30, np.bool_)
    known[5] = False
    tops = [rng.choice(30, size=size, replace=False).tolist() for size in (10, 4, 2, 1)] + [[3, 7, 5], [5, 9]]
    distance, duplicates = pairwise(lists_of(*tops), vectors, known, 0.9)
    for i, rows in enumerate(tops):
        pairs = list(combinations([row for row in rows if known[row]], 2))
        if not pairs:
            assert np.isnan(distance[i]) and np.isnan(duplicates[i])
            continue
        cosines = [float(vectors[a] @ vectors[b]) for a, b in pairs]
        assert distance[i] == pytest.approx(np.mean([1 - c for c in cosines]), abs=1e-6)
        assert duplicates[i] == sum(c >= 0.9 for c in cosines)
    assert duplicates[4] == 1


def test_jensen_shannon_is_scipys_and_bounded() -> None:
    rng = np.random.default_rng(1)
    p, q = rng.dirichlet(np.ones(5), 20), rng.dirichlet(np.ones(5), 20)
    wanted = [reference.jensenshannon(a, b, base=2) ** 2 for a, b in zip(p, q, strict=True)]
    assert jensen_shannon(p, q, alpha=0.0) == pytest.approx(wanted)
    assert jensen_shannon(p, q) == pytest.approx(jensen_shannon(q, p))
    assert jensen_shannon(p, p) == pytest.approx(np.zeros(20), abs=1e-12)
    apart = jensen_shannon(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), alpha=0.0)
    assert apart == pytest.approx([1.0])


def test_miscalibration_has_the_numbers_of_steck() -> None:
    """His figure: a target of 70% romance and 30% action, alpha 0.01; worked out by hand."""
    target = np.array([[0.7, 0.3]] * 3)
    found = np.array([[0.7, 0.3], [1.0, 0.0], [0.5, 0.5]])
    by_hand = [
        0.0,
        0.7 * np.log(0.7 / 0.997) + 0.3 * np.log(0.3 / 0.003),
        0.7 * np.log(0.7 / 0.502) + 0.3 * np.log(0.3 / 0.498),
    ]
    assert kullback_leibler(target, found) == pytest.approx(by_hand)
    assert by_hand[1] == pytest.approx(1.1339, abs=1e-4)


def test_top_shares_weigh_by_rank_and_leave_out_the_unknown() -> None:
    group = np.array([0, 1, -1, 1])
    found = top_shares(lists_of([0, 1, 2], [2], [3]).top, group, 2, by_rank(TOP))
    assert found[0] == pytest.approx([1 / 1.5, 0.5 / 1.5])
    assert np.isnan(found[1]).all()
    assert found[2].tolist() == [0.0, 1.0]
    owner = np.array([0, 0, 1])
    assert group_shares(owner, np.array([0, 1, 1]), np.array([1.0, 3.0, 2.0]), 2, 2).tolist() == [[0.25, 0.75], [0, 1]]
