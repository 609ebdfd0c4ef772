"""Ragged batches: what `concat` joins and `take` keeps."""

from dataclasses import fields

import numpy as np
import pytest

from feedrank.features import Raw, concat, gather
from feedrank.features.raw import ItemColumns, RequestColumns
from feedrank.history import NO_HISTORY, apply, profile
from feedrank.state import NO_SLOT, State
from feedrank.state import apply as fold
from feedrank.types import DAY, AnyArray, Context, Micros
from tests.strategies import T0, FactLog, long_log, records_of

NOW = T0 + 30 * DAY


@pytest.fixture(scope="module")
def log() -> FactLog:
    return long_log(seed=3, length=600)


@pytest.fixture(scope="module")
def state(log: FactLog) -> State:
    found = State()
    fold(found, log.facts)
    return found


def raw_of(log: FactLog, state: State, user: str, rows: list[int], space: str = "text", now: Micros = NOW) -> Raw:
    known = profile(apply(NO_HISTORY, records_of(log, user)), space)
    return gather(state, np.array(rows, np.int32), known, Context(), now, space)


def columns(part: object) -> dict[str, AnyArray]:
    return {f.name: getattr(part, f.name) for f in fields(part)}  # type: ignore[arg-type]


def test_concat_keeps_every_column_in_order_and_says_where_each_request_begins(log: FactLog, state: State) -> None:
    raws = [raw_of(log, state, "u0", [3, 1]), raw_of(log, state, "nobody", []), raw_of(log, state, "u2", [0, 1, 2])]
    batch = concat(raws)
    assert batch.item_offsets.tolist() == [0, 2, 2, 5]
    for part in ("items", "history", "views", "compared", "requests"):
        for name, column in columns(getattr(batch, part)).items():
            singles = [columns(getattr(raw, part))[name] for raw in raws]
            wide = [single for single in singles if single.ndim == 1 or single.shape[1]]
            np.testing.assert_array_equal(column[: len(column)], np.concatenate(wide), err_msg=name)
    assert batch.history_offsets[-1] == len(batch.history.rows)
    assert batch.view_offsets[-1] == len(batch.views.rows)
    assert batch.compared_offsets[-1] == len(batch.compared.kinds)


def test_requests_with_and_without_a_vector_space_batch_together(log: FactLog, state: State) -> None:
    with_space, without = raw_of(log, state, "u0", [0, 1]), raw_of(log, state, "u0", [0, 1], space="")
    batch = concat([without, with_space])
    assert batch.items.slots.tolist() == [NO_SLOT] * 2 + with_space.items.slots.tolist()
    assert batch.table is with_space.table is not None and without.table is None


def test_vectors_of_different_tables_are_not_joined(log: FactLog, state: State) -> None:
    another = State()
    fold(another, log.facts)
    with pytest.raises(ValueError, match="different tables"):
        concat([raw_of(log, state, "u0", [0]), raw_of(log, another, "u0", [0])])


def test_take_keeps_the_named_candidates_in_the_given_order(log: FactLog, state: State) -> None:
    raw = raw_of(log, state, "u0", [5, 3, 1, 2])
    taken = raw.take(np.array([2, 0]))
    assert taken.item_offsets.tolist() == [0, 2]
    for name, column in columns(raw.items).items():
        np.testing.assert_array_equal(getattr(taken.items, name), column[[2, 0]], err_msg=name)
    for name in ("history", "views", "compared", "requests", "history_offsets"):
        assert getattr(taken, name) is getattr(raw, name)


def test_columns_are_aligned(log: FactLog, state: State) -> None:
    raw = raw_of(log, state, "u1", [0, 4, 2])
    assert {len(column) for column in columns(raw.items).values()} == {3}
    assert {len(column) for column in columns(raw.requests).values()} == {1}
    assert {f.name for f in fields(ItemColumns)} >= {"rows", "counts", "slots"}
    assert {f.name for f in fields(RequestColumns)} >= {"now", "overall_counts"}
