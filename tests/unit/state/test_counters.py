"""Decayed counters against plain sums of 0.5 ** ((now - t) / h)."""

import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedrank.state import HALF_LIVES, KINDS, DecayedCounters, decay
from feedrank.state.counters import Count
from feedrank.types import DAY, F64, HOUR, I32, MINUTE, Micros
from tests.strategies import T0

Amounts = list[tuple[int, int, float, int]]  # row, kind, amount, time after T0
amounts: st.SearchStrategy[Amounts] = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.integers(0, KINDS - 1),
        st.sampled_from((1.0, 2.5, 600.0)),
        st.one_of(st.integers(0, 3 * DAY), st.integers(0, 400 * DAY)),
    ),
    max_size=30,
)


def add(table: DecayedCounters, some: Amounts) -> None:
    if not some:
        return
    rows, kinds, weights, ages = (np.array(column) for column in zip(*some, strict=True))
    times = T0 + ages
    table.resize(int(rows.max()) + 1)
    table.advance(int(times.max()))
    growths = decay.growths(times.tolist(), table.landmarks, table.half_lives)
    table.add(rows.astype(np.int32), kinds.astype(np.int32), weights.astype(float)[:, None] * growths)


def expected(some: Amounts, rows: I32, now: Micros) -> F64:
    out = np.zeros((len(rows), KINDS, len(HALF_LIVES)))
    for row, kind, amount, age in some:
        out[row, kind] += [amount * 0.5 ** ((now - T0 - age) / h) for h in HALF_LIVES]
    return out


ROWS: I32 = np.arange(201, dtype=np.int32)


def full(table: DecayedCounters, now: Micros) -> F64:
    table.resize(len(ROWS))
    return table.read(ROWS, now)


@given(amounts, st.integers(0, 40 * DAY))
def test_reads_equal_plain_sums(some: Amounts, ahead: int) -> None:
    now = T0 + max((age for *_, age in some), default=0) + ahead
    table = DecayedCounters()
    add(table, some)
    # Far below 1e-100 a sum may read as zero.
    np.testing.assert_allclose(full(table, now), expected(some, ROWS, now), rtol=1e-10, atol=1e-100)


@given(amounts, st.integers(0, 40 * DAY))
def test_a_column_is_that_of_a_read_to_the_bit(some: Amounts, ahead: int) -> None:
    now = T0 + max((age for *_, age in some), default=0) + ahead
    table = DecayedCounters()
    add(table, some)
    whole = full(table, now)
    for kind in range(table.kinds):
        for h in range(len(HALF_LIVES)):
            assert table.column(ROWS, kind, h, now).tobytes() == np.ascontiguousarray(whole[:, kind, h]).tobytes()


@given(amounts, st.data())
def test_batches_do_not_matter_to_the_bit(some: Amounts, data: st.DataObject) -> None:
    now = T0 + 400 * DAY
    whole, cut = DecayedCounters(), DecayedCounters()
    add(whole, some)
    places = [0, *sorted(data.draw(st.lists(st.integers(0, len(some)), max_size=5))), len(some)]
    for start, stop in pairwise(places):
        add(cut, some[start:stop])
    assert (full(whole, now) == full(cut, now)).all()


@given(amounts, st.integers(0, 30))
def test_merging_adds(some: Amounts, place: int) -> None:
    now = T0 + 400 * DAY
    whole, left, right = DecayedCounters(), DecayedCounters(), DecayedCounters()
    add(whole, some)
    add(left, some[:place])
    add(right, some[place:])
    left.merge(right)
    np.testing.assert_allclose(full(left, now), full(whole, now), rtol=1e-9, atol=1e-100)


def test_a_sum_decays_by_half_in_each_half_life() -> None:
    table = DecayedCounters()
    add(table, [(3, Count.CLICKS, 1.0, 0)])
    for j, half_life in enumerate(HALF_LIVES):
        read = table.read(np.array([3], np.int32), T0 + half_life)
        assert read[0, Count.CLICKS, j] == pytest.approx(0.5, rel=1e-15)
        assert read[0, Count.VIEWS, j] == 0.0


def test_a_retraction_reads_as_zero_never_below() -> None:
    table = DecayedCounters()
    add(table, [(0, Count.LIKES, 1.0, 0), (0, Count.LIKES, -1.0, 5 * HOUR)])
    assert (table.read(np.array([0], np.int32), T0 + 6 * HOUR)[0, Count.LIKES] == 0.0).all()


def test_sums_too_faint_to_be_exact_read_as_zero() -> None:
    """Their bits would tell when landmarks moved: two amounts meet before or after each was rounded by underflow."""
    start = decay.landmark_at(T0, HOUR)
    faint = start + 230 * HOUR - T0  # 2^-1050 of the landmark five spans on, where a float has some 24 bits left
    olds: Amounts = [(row, 0, 1.0, faint + (row + 1) * k * MINUTE) for row in range(50) for k in (1, 2)]
    far = [(60, 0, 1.0, start + 5 * 256 * HOUR - T0)]
    together, apart = DecayedCounters(), DecayedCounters()
    add(together, olds + far)
    for one in (*olds, *far):
        add(apart, [one])
    assert (together.sums[:50] != apart.sums[:50]).any()
    for now in (T0 + far[0][3], T0 + far[0][3] + DAY):
        assert (full(together, now) == full(apart, now)).all()
        assert not full(together, now)[:50, 0, 0].any()
        assert full(together, now)[:50, 0, 3].all()


def test_restored_counters_are_the_same_and_go_on_alike() -> None:
    first: Amounts = [(5, 1, 1.0, 0), (70, 2, 3.0, HOUR)]
    then: Amounts = [(5, 1, 1.0, 20 * DAY), (150, 0, 1.0, 20 * DAY)]
    table, other = DecayedCounters(), DecayedCounters()
    add(table, first)
    other.restore(table.to_arrays())
    for each in (table, other):
        add(each, then)
    now = T0 + 21 * DAY
    assert (full(table, now) == full(other, now)).all()


def test_readers_at_two_instants_do_not_disturb_each_other() -> None:
    table = DecayedCounters()
    add(table, [(row, Count.CLICKS, 1.0, row * MINUTE) for row in range(201)])
    instants = (T0 + DAY, T0 + 2 * DAY)
    alone = [full(table, now) for now in instants]
    differing: list[Micros] = []

    def read(k: int) -> None:
        for _ in range(500):
            if not (table.read(ROWS, instants[k]) == alone[k]).all():
                differing.append(instants[k])

    readers = [threading.Thread(target=read, args=(k,)) for k in (0, 1)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert not differing
