"""A user's records stand in columns exactly as `user_record` makes them of the log, for every action."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedrank.records import decode
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.store.user_events import pack_rows, unpack_rows
from feedrank.types import SECOND, Action, Event, Micros, UserId
from feedrank.user_records import Lane, UserRecord, user_record

NOW: Micros = 1_700_000_000 * SECOND
ANN = UserId("ann")


@settings(derandomize=True)
@given(st.lists(st.integers(0, 2**31 - 1), max_size=500))
def test_rows_come_back_as_packed(rows: list[int]) -> None:
    assert unpack_rows(pack_rows(rows)) == tuple(rows)


def mirrored(store: SqliteStore) -> tuple[UserRecord, UserRecord]:
    """The one behaviour record of the history, and the same made of the log's last record."""
    stored = store.user_history(ANN).records[-1]
    fact = decode(store.read(0, 100)[-1])
    assert fact is not None
    made = user_record(fact)
    assert made is not None
    return stored, made


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("value", [None, 0.1, 7.0])
@pytest.mark.parametrize("session", ["", "some session"])
def test_every_action_is_mirrored(tmp_path: Path, action: Action, value: float | None, session: str) -> None:
    store = SqliteStore.open(tmp_path, Settings())
    event = Event(
        "e",
        ANN,
        NOW,
        action,
        item_id="x" if action is not Action.VIEW else "",
        value=7.0 if action is Action.DWELL and value is None else value,
        request_id="r",
        query="rain in Århus",
        target="author:Jørgen",
        session_id=session,
        item_ids=("a", "b", "c") if action is Action.VIEW else (),
    )
    assert store.append_events([event], NOW).accepted == 1
    stored, made = mirrored(store)
    for name in ("lane", "time", "offset", "action", "rows", "key", "session", "vector", "space"):
        assert getattr(stored, name) == getattr(made, name), name
    assert stored.value == made.value or (math.isnan(stored.value) and math.isnan(made.value))
    store.close()


def test_a_searchs_vector_is_mirrored_to_the_bit(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, Settings())
    store.append_events([Event("e", ANN, NOW, Action.SEARCH, query="rain")], NOW)
    values = np.random.default_rng(3).normal(size=384).astype(np.float32)
    assert store.land_query_vector(ANN, "enc", 1, values / np.linalg.norm(values), NOW + 1)
    stored, made = mirrored(store)
    assert (stored.lane, stored.key, stored.space) == (Lane.QUERY_VECTOR, "1", "enc")
    assert (stored.vector, stored.time, stored.offset) == (made.vector, made.time, made.offset)
    store.close()
