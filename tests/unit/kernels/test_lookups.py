"""Kernels over tables by row give their NumPy reference's bits; what does not fit is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedrank import kernels
from feedrank.kernels import Tier, native, reference
from feedrank.types import AnyArray

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


def tiers_of(sizes: list[int], rng: np.random.Generator) -> list[Tier]:
    """Sparse matrices of these many entries, at most: keys, weights and last touches."""
    tiers = []
    for count in sizes:
        keys = np.unique(rng.integers(0, 6, count) << 32 | rng.integers(0, 12, count))
        tiers.append((keys, rng.random(len(keys)), rng.integers(0, 9, len(keys))))
    return tiers


def entries_of(tiers: list[Tier]) -> dict[int, tuple[float, int]]:
    """Weight and last touch by key, of the last tier that has it."""
    found: dict[int, tuple[float, int]] = {}
    for keys, *columns in tiers:
        found.update(zip(keys.tolist(), zip(*(column.tolist() for column in columns), strict=True), strict=True))
    return found


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 40), st.integers(0, 99))
def test_amounts_are_added_to_their_kind_and_row_in_order(kinds: int, width: int, n: int, seed: int) -> None:
    rng = np.random.default_rng([kinds, width, n, seed])
    sums, weights = rng.random((7, kinds * width)), rng.standard_normal((n, width))
    rows, which = rng.integers(0, 7, n).astype(np.int32), rng.integers(0, kinds, n).astype(np.int32)
    expected = sums.copy()
    for row, kind, weight in zip(rows.tolist(), which.tolist(), weights, strict=True):
        expected[row, kind * width : (kind + 1) * width] += weight
    for each in (kernels.counted, reference.counted):
        found = sums.copy()
        each(found, rows, which, weights)
        assert found.tobytes() == expected.tobytes()


@given(st.lists(st.integers(0, 8), max_size=30))
def test_entries_of_columns_of_any_width_are_taken(rows: list[int]) -> None:
    rng = np.random.default_rng(len(rows))
    columns: list[AnyArray] = [
        rng.integers(0, 99, 9),
        rng.integers(0, 99, 9).astype(np.int32),
        rng.random(9) < 0.5,
        rng.random((9, 3)).astype(np.float32),
    ]
    for found, column in zip(kernels.taken(columns, np.array(rows, np.int32)), columns, strict=True):
        assert found.dtype == column.dtype and (found == column[rows]).all()


@given(st.lists(st.integers(0, 60), max_size=3), st.integers(0, 5), st.integers(0, 70), st.integers(0, 99))
def test_pairs_are_looked_up_in_the_last_tier_that_has_them(sizes: list[int], k: int, n: int, seed: int) -> None:
    rng = np.random.default_rng([k, n, seed])
    tiers = tiers_of(sizes, rng)
    held = entries_of(tiers)
    firsts, others = rng.integers(0, 7, k).astype(np.int32), rng.integers(0, 14, n).astype(np.int32)
    expected = [
        [
            weight * 0.7 if touched >= 4 else 0.0
            for weight, touched in (held.get(a << 32 | b, (0.0, 0)) for a in firsts.tolist())
        ]
        for b in others.tolist()
    ]
    for each in (kernels.looked_up, reference.looked_up):
        found = each(tiers, firsts, others, 4, 0.7)
        assert found.shape == (n, k) and found.tolist() == expected


@given(st.lists(st.integers(0, 60), min_size=3, max_size=3), st.integers(1, 90), st.integers(0, 12), st.integers(0, 99))
def test_pairs_are_added_to_in_order_and_begin_again_once_they_are_gone(
    sizes: list[int], n: int, span: int, seed: int
) -> None:
    rng = np.random.default_rng([n, span, seed])
    tiers = tiers_of(sizes, rng)
    held = entries_of(tiers)
    fresh = {key: held[key] for key in tiers[2][0].tolist()}
    firsts, seconds = rng.integers(0, 6, n).astype(np.int32), rng.integers(0, 14, n).astype(np.int32)
    growths, times, newest = rng.random(n), rng.integers(0, 30, n), 9
    for first, second, growth, time in zip(
        firsts.tolist(), seconds.tolist(), growths.tolist(), times.tolist(), strict=True
    ):
        newest = max(newest, time)
        key = first << 32 | second
        weight, touched = fresh.get(key, held.get(key, (0.0, time)))
        weight = 0.0 if touched < newest - span else weight
        fresh[key] = weight + growth, max(touched, time)
    for each in (kernels.paired, reference.paired):
        found = entries_of([each(tiers, firsts, seconds, growths, times, 9, span)])
        assert list(found) == sorted(fresh) and found == fresh


@given(st.lists(st.integers(0, 40), max_size=3), st.integers(0, 5), st.integers(0, 99))
def test_rows_of_pairs_in_tiers_are_those_of_the_last_tier_that_has_them(entries: list[int], k: int, seed: int) -> None:
    rng = np.random.default_rng([k, seed])
    tiers = tiers_of(entries, rng)
    whole = entries_of(tiers)
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
    with pytest.raises(ValueError, match="beyond the table"):
        native.counted(np.zeros((3, 2)), 2, 1, others + 3, others, np.zeros(1))
    with pytest.raises(ValueError, match="beyond the table"):
        native.counted(np.zeros((3, 2)), 2, 1, others, others + 2, np.zeros(1))
    with pytest.raises(ValueError, match="beyond a column"):
        native.taken((np.zeros(3), np.zeros(2)), others + 2, (np.zeros(1), np.zeros(1)))
    with pytest.raises(ValueError, match="does not fit"):
        native.taken((np.zeros(3),), others, (np.zeros(1, np.int32),))
    with pytest.raises(ValueError, match="room for all entries"):
        native.paired(tiers, others, others, np.zeros(1), one, 0, 1, one[:0].copy(), np.zeros(1), one.copy())
    with pytest.raises(ValueError, match="beyond the table"):
        native.unpacked(np.zeros((2, 3), np.float16), 3, others + 2, np.zeros((1, 3), np.float32))
    with pytest.raises(ValueError, match="beyond its tier"):
        native.rows_of(tiers, spans, 0, others, np.zeros(1), one.copy())
    with pytest.raises(ValueError, match="room for all entries"):
        native.rows_of(tiers, spans // 2, 0, others[:0], np.zeros(1), one.copy())
    with pytest.raises(ValueError, match="one entry for each row"):
        native.distinct(others, others.copy(), np.zeros(2), np.zeros(2))
