"""The pair table against plain sums, and that nobody can tell when it was compacted."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedrank.state import PairTable
from feedrank.types import DAY, F64, HOUR, I32, I64, Micros
from tests.strategies import T0

HALF_LIFE = 1 * DAY
KEEP = 40 * HALF_LIFE
ROWS: I32 = np.arange(6, dtype=np.int32)

Touch = tuple[int, int, Micros]
touches = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(0, 5),
        st.one_of(
            st.integers(0, 3 * DAY),
            st.integers(0, 500).map(lambda days: days * DAY),
            st.sampled_from((KEEP - 1, KEEP, KEEP + 1, 2 * KEEP - 1, 2 * KEEP, 2 * KEEP + 1)),
        ).map(lambda after: T0 + after),
    ),
    max_size=40,
)


def columns_of(some: Sequence[Touch]) -> tuple[I32, I32, I64]:
    firsts, seconds, times = zip(*some, strict=True) if some else ((), (), ())
    return np.array(firsts, np.int32), np.array(seconds, np.int32), np.array(times, np.int64)


def table_of(
    some: Sequence[Touch], compact_at: int = 10**9, cuts: Sequence[int] = (), pack_at: int = 10**9
) -> PairTable:
    table = PairTable(HALF_LIFE, KEEP, compact_at, pack_at)
    for start, stop in zip((0, *cuts), (*cuts, len(some)), strict=True):
        table.add(*columns_of(some[start:stop]))
        table.settle()
    return table


def dense(table: PairTable, now: Micros) -> F64:
    """Every weight by `row`, which must agree with `lookup`."""
    out = np.zeros((len(ROWS), len(ROWS)))
    for a in ROWS.tolist():
        others, weights = table.row(a, now)
        assert (np.diff(others) > 0).all()
        out[a, others] = weights
    twice = np.concatenate([ROWS, ROWS[::-1]])
    others, weights, sizes = table.rows(twice, now)
    owners = np.repeat(twice, sizes)
    assert np.count_nonzero(out) * 2 == len(others) and (out[owners, others] == weights).all()
    assert (out == table.lookup(ROWS, ROWS, now).T).all()
    return out


@given(touches, st.integers(0, 50))
def test_weights_equal_plain_sums(some: list[Touch], ahead_days: int) -> None:
    now = max((time for *_, time in some), default=T0) + ahead_days * DAY
    expected, touched = np.zeros((6, 6)), np.full((6, 6), -np.inf)
    for a, b, time in some:
        expected[a, b] += 0.5 ** ((now - time) / HALF_LIFE)
        touched[a, b] = max(touched[a, b], time)
    expected[touched < now - KEEP] = 0.0
    np.testing.assert_allclose(dense(table_of(some), now), expected, rtol=1e-9, atol=0)


@given(touches, st.data())
def test_neither_batches_nor_compaction_change_a_bit(some: list[Touch], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(some)), max_size=6)))
    compact_at = data.draw(st.sampled_from((1, 2, 5, 10**9)))
    pack_at = data.draw(st.sampled_from((1, 3, 10**9)))
    newest = max((time for *_, time in some), default=T0)
    plain, other = table_of(some), table_of(some, compact_at, cuts, pack_at)
    for now in (newest, newest + DAY, newest + KEEP):
        assert (dense(plain, now) == dense(other, now)).all()
    then = data.draw(touches)
    for table in (plain, other):
        table.add(*columns_of(then))
    newest = max([newest, *(time for *_, time in then)])
    assert (dense(plain, newest) == dense(other, newest)).all()


@given(touches, st.data())
def test_merging_adds(some: list[Touch], data: st.DataObject) -> None:
    newest = max((time for *_, time in some), default=T0)
    left: list[Touch] = []
    right: list[Touch] = []
    for touch in some:
        (left if data.draw(st.booleans()) else right).append(touch)
    merged = table_of(left, 3)
    merged.merge(table_of(right))
    for now in (newest, newest + 7 * DAY):
        np.testing.assert_allclose(dense(merged, now), dense(table_of(some), now), rtol=1e-9, atol=1e-11)


@given(touches, touches)
def test_a_restored_table_is_the_same_and_goes_on_alike(some: list[Touch], then: list[Touch]) -> None:
    table, restored = table_of(some), PairTable(HALF_LIFE, KEEP)
    restored.restore(table.to_arrays())
    whole = table_of([*some, *then])
    restored.add(*columns_of(then))
    now = max([T0, *(time for *_, time in (*some, *then))])
    assert (dense(whole, now) == dense(restored, now)).all()


def test_a_late_record_counts_at_its_own_time() -> None:
    table = table_of([(1, 2, T0 + 3 * DAY), (1, 2, T0)])
    assert table.lookup(np.array([1], np.int32), np.array([2], np.int32), T0 + 3 * DAY)[0, 0] == pytest.approx(1.125)


def test_an_entry_untouched_too_long_is_dropped_by_compaction_and_starts_anew() -> None:
    table = table_of([(1, 2, T0), (3, 4, T0 + 2 * KEEP + 1)])
    table.compact()
    assert table.base.keys.tolist() == [3 << 32 | 4]
    table.add(*columns_of([(1, 2, T0 + 2 * KEEP + 1)]))
    assert table.row(1, T0 + 2 * KEEP + 1)[1] == pytest.approx([1.0], rel=1e-15)


def test_what_a_very_late_record_finds_does_not_depend_on_compaction() -> None:
    late = [(1, 2, T0), (3, 4, T0 + 2 * KEEP + 1), (1, 2, T0 + KEEP), (1, 2, T0 + KEEP + DAY)]
    now = T0 + 2 * KEEP + DAY
    assert (dense(table_of(late), now) == dense(table_of(late, 1, (1, 2, 3)), now)).all()
    assert dense(table_of(late), now)[1, 2] > 0.0


def test_reading_as_of_an_instant() -> None:
    table = table_of([(1, 2, T0), (1, 3, T0 + HOUR), (1, 2, T0 + HOUR)])
    others, weights = table.row(1, T0 + DAY)
    assert others.tolist() == [2, 3]
    half_day = 0.5 ** (23 / 24)
    assert weights == pytest.approx([0.5 + half_day, half_day])


def test_asking_twice_for_one_item_answers_twice() -> None:
    table = table_of([(1, 2, T0), (1, 3, T0)])
    asked: I32 = np.array([3, 2, 9, 3], np.int32)
    assert table.lookup(np.array([1, 0], np.int32), asked, T0).tolist() == [[1, 0], [1, 0], [0, 0], [1, 0]]
    table.compact()
    assert table.lookup(np.array([1, 0], np.int32), asked, T0).tolist() == [[1, 0], [1, 0], [0, 0], [1, 0]]


def test_empty_tables_merge_and_are_read() -> None:
    table = PairTable(HALF_LIFE, KEEP)
    table.merge(PairTable(HALF_LIFE, KEEP))
    assert dense(table, T0).sum() == 0.0
    assert table.lookup(np.empty(0, np.int32), ROWS, T0).shape == (6, 0)
    assert table.lookup(ROWS, np.empty(0, np.int32), T0).shape == (0, 6)


def test_relabelling_renames_first_indices() -> None:
    table = table_of([(0, 1, T0), (1, 2, T0), (1, 3, T0)])
    table.relabel(np.array([5, 0], np.int32))
    assert dense(table, T0)[5, 1] == dense(table, T0)[0, 2] == dense(table, T0)[0, 3] == 1.0
    assert dense(table, T0).sum() == 3.0
