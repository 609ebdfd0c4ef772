"""Kernels over tables by row give their NumPy reference's bits; what does not fit is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedrank import kernels
from feedrank.kernels import native, reference

rows_ = st.integers(0, 12) | st.integers(-(2**31), 2**31 - 1)


@given(st.lists(rows_, max_size=60), st.integers(0, 99))
def test_weights_are_summed_for_each_row_in_order(mine: list[int], seed: int) -> None:
    rows, weights = np.array(mine, np.int32), np.random.default_rng(seed).standard_normal(len(mine))
    expected = dict.fromkeys(mine, 0.0)
    for row, weight in zip(mine, weights.tolist(), strict=True):
        expected[row] += weight
    for each in (kernels.summed, reference.summed):
        found, sums = each(rows, weights)
        assert dict(zip(found.tolist(), sums.tolist(), strict=True)) == expected and found.tolist() == list(expected)


@given(st.integers(1, 9), st.integers(0, 30), st.integers(0, 99))
def test_decayed_rows_have_the_reference_bits(width: int, n: int, seed: int) -> None:
    rng = np.random.default_rng([width, n, seed])
    sums = rng.standard_normal((12, width)) * 10.0 ** rng.integers(-200, 9, (12, width))
    rows, shrinks = rng.integers(0, 12, n).astype(np.int32), rng.random(width)
    found = kernels.decayed(sums, rows, shrinks, 1e-150)
    assert found.tobytes() == reference.decayed(sums, rows, shrinks, 1e-150).tobytes()


@given(st.integers(0, 60), st.integers(0, 5), st.integers(0, 20), st.integers(0, 99))
def test_pairs_are_looked_up_as_the_reference_does(entries: int, k: int, n: int, seed: int) -> None:
    rng = np.random.default_rng([entries, k, n, seed])
    keys = np.unique(rng.integers(0, 6, entries) << 32 | rng.integers(0, 12, entries))
    weights, touched = rng.random(len(keys)), rng.integers(0, 9, len(keys))
    firsts, others = rng.integers(0, 7, k).astype(np.int32), rng.integers(0, 14, n).astype(np.int32)
    arguments = keys, weights, touched, firsts, others, 4
    assert kernels.looked_up(*arguments).tobytes() == reference.looked_up(*arguments).tobytes()


@given(st.lists(st.integers(0, 40), max_size=3), st.integers(0, 5), st.integers(0, 99))
def test_rows_of_pairs_in_tiers_are_those_of_the_last_tier_that_has_them(entries: list[int], k: int, seed: int) -> None:
    rng = np.random.default_rng([k, seed])
    tiers, whole = [], dict[int, tuple[float, int]]()
    for count in entries:
        keys = np.unique(rng.integers(0, 6, count) << 32 | rng.integers(0, 12, count))
        tiers.append((keys, rng.random(len(keys)), rng.integers(0, 9, len(keys))))
        whole.update(zip(keys.tolist(), zip(*(column.tolist() for column in tiers[-1][1:]), strict=True), strict=True))
    firsts = rng.integers(0, 7, k).astype(np.int32)
    live = {key: weight for key, (weight, touched) in sorted(whole.items()) if touched >= 4}
    expected = [[(key & 0xFFFFFFFF, weight) for key, weight in live.items() if key >> 32 == a] for a in firsts.tolist()]
    for each in (kernels.rows_of, reference.rows_of):
        others, weights, sizes = each(tiers, firsts, 4)
        assert list(zip(others.tolist(), weights.tolist(), strict=True)) == [pair for row in expected for pair in row]
        assert sizes.tolist() == [len(row) for row in expected]


@pytest.mark.skipif(not kernels.COMPILED, reason="no compiler was found when feedrank was installed")
def test_no_kernel_reads_beyond_a_table() -> None:
    assert native is not None
    with pytest.raises(ValueError, match="beyond the table"):
        native.decayed(np.zeros((3, 2)), 2, np.array([3], np.int32), np.zeros(2), 0.0, np.zeros(2))
    none, one = (np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64)), np.zeros(1, np.int64)
    tiers, others = ((one, np.zeros(1), one), none, none), np.zeros(1, np.int32)
    spans = np.array([[[0, 2]], [[0, 0]], [[0, 0]]])
    with pytest.raises(ValueError, match="beyond its tier"):
        native.rows_of(tiers, spans, 0, others, np.zeros(1), one.copy())
    with pytest.raises(ValueError, match="room for all entries"):
        native.rows_of(tiers, spans // 2, 0, others[:0], np.zeros(1), one.copy())
    with pytest.raises(ValueError, match="one entry for each row"):
        native.distinct(others, others.copy(), np.zeros(2), np.zeros(2))
