"""Vectors by slot: what is in force, and that a reader's array never changes."""

import numpy as np
import pytest

from feedrank.state import VectorTable
from feedrank.types import I32
from tests.strategies import DIMENSIONS, unit_vector


def rows(*numbers: int) -> I32:
    return np.array(numbers, np.int32)


def test_the_last_landing_of_a_row_is_in_force_and_older_slots_stay() -> None:
    table = VectorTable(DIMENSIONS)
    first, second = table.land(7, unit_vector(1)), table.land(7, unit_vector(2))
    values, has = table.gather(rows(7, 3))
    assert has.tolist() == [True, False]
    assert (values[0] == unit_vector(2)).all()
    assert (values[1] == 0).all()
    assert (table.values[first] == unit_vector(1)).all()
    assert table.row_of_slot[[first, second]].tolist() == [7, 7]


def test_growing_leaves_what_a_reader_holds() -> None:
    table = VectorTable(2)
    values = np.array([0.6, 0.8], np.float32)
    table.land(0, values)
    held = table.values
    for row in range(1, 1000):
        table.land(row, values)
    assert table.values is not held
    assert (held[0] == values.astype(np.float16)).all()
    assert table.slots_of(rows(0, 999, 1000, 10**6)).tolist() == [0, 999, -1, -1]


def test_another_dimension_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit a space of 8 dimensions"):
        VectorTable(8).land(0, np.zeros(4, np.float32))


def test_merging_appends_what_is_new_and_the_later_vector_wins() -> None:
    first, later = VectorTable(DIMENSIONS), VectorTable(DIMENSIONS)
    for table in (first, later):
        table.land(1, unit_vector(1))
    later.land(2, unit_vector(2))
    later.land(1, unit_vector(3))
    first.merge(later)
    assert first.slots == 3
    values, has = first.gather(rows(1, 2))
    assert has.all()
    assert (values == np.stack([unit_vector(3), unit_vector(2)])).all()


def test_a_restored_table_is_the_same_and_goes_on_alike() -> None:
    table = VectorTable(DIMENSIONS)
    for k in range(300):
        table.land(k % 7, unit_vector(k))
    other = VectorTable(DIMENSIONS)
    other.restore(table.to_arrays())
    for each in (table, other):
        each.land(900, unit_vector(5))
    every = np.arange(1000, dtype=np.int32)
    assert (table.gather(every)[0] == other.gather(every)[0]).all()
    assert (table.slots_of(every) == other.slots_of(every)).all()
