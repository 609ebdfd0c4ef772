"""A frame's shared columns against plain loops over one request at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedrank.features import Raw, concat, gather
from feedrank.features.frame import ROW, Entries, Frame
from feedrank.history import NO_HISTORY, profile
from feedrank.state import State
from feedrank.types import F64, Context
from tests.strategies import T0

Entry = tuple[int, int, int]  # request, key, weight
MANY = 6


def frame_of(sizes: list[int]) -> Frame:
    """Requests of these many candidates, of items nobody knows."""
    state = State()
    state.catalog.ensure(50)
    state.items.resize(51)
    nobody = profile(NO_HISTORY, "")
    raws: list[Raw] = []
    for size in sizes:
        raws.append(gather(state, np.arange(size, dtype=np.int32), nobody, Context(), T0, ""))
    return Frame(concat(raws))


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, MANY), st.integers(1, 9)), max_size=20),
    st.lists(st.integers(0, MANY), min_size=3, max_size=12),
)
def test_entries_are_matched_within_their_request_only(entries: list[Entry], asked: list[int]) -> None:
    sizes = [len(asked) - 2, 0, 2]
    frame = frame_of(sizes)
    frame.items.rows[:] = asked
    entries = sorted(entries, key=lambda entry: entry[0])
    offsets = np.searchsorted([owner for owner, _, _ in entries], np.arange(4)).astype(np.int64)
    keys = np.array([key for _, key, _ in entries], np.int32)
    weights = np.array([weight for *_, weight in entries], np.int64)
    mine = Entries(frame.raw, frame.request, keys, np.empty((len(keys), 0), np.int32), weights, offsets)
    request = [0] * sizes[0] + [2] * sizes[2]
    expected = [[w for o, k, w in entries if (o, k) == (r, key)] for r, key in zip(request, asked, strict=True)]
    assert mine.weight(ROW, weights.astype(float)).tolist() == [sum(some) for some in expected]
    assert mine.newest(ROW).tolist() == [max(some, default=0) for some in expected]
    assert mine.sum(weights.astype(float)).tolist() == [sum(w for o, _, w in entries if o == r) for r in range(3)]


def test_hours_are_unknown_for_time_0_and_never_negative() -> None:
    frame = frame_of([3])
    hours = frame.hours_since(np.array([0, T0 + 5, T0 - 7_200_000_000]))
    assert hours == pytest.approx([np.nan, 0.0, 2.0], nan_ok=True)


def test_what_is_cached_is_made_once() -> None:
    frame, made = frame_of([2]), []

    def make(of: Frame) -> F64:
        made.append(of)
        return np.zeros(2)

    assert frame.cached("x", make) is frame.cached("x", make)
    assert made == [frame]
