"""`compute`: columns by name, in the order asked for."""

import numpy as np
import pytest

from feedrank.errors import InvalidInput
from feedrank.features import BY_NAME, FEATURES, NAMES, compute, fingerprint_of, gather
from feedrank.history import NO_HISTORY, profile
from feedrank.state import State
from feedrank.types import Context
from tests.strategies import T0


def test_rows_are_float32_in_the_order_asked_for() -> None:
    state = State()
    state.catalog.ensure(4)
    state.items.resize(5)
    raw = gather(state, np.array([1, 3], np.int32), profile(NO_HISTORY, ""), Context(), T0, "")
    rows = compute(raw, ["weekday", "slate_size"])
    assert rows.dtype == np.float32
    assert rows.T.flags.c_contiguous  # columns: what makes them and what reads them go by column
    assert rows.tolist() == [[3.0, 2.0], [3.0, 2.0]]
    assert compute(raw).shape == (2, len(FEATURES))
    assert compute(raw, []).shape == (2, 0)
    assert tuple(BY_NAME) == NAMES
    assert compute(raw.take(np.empty(0, np.int64))).shape == (0, len(FEATURES))
    with pytest.raises(InvalidInput, match=r"no feature is named 'no_such'.*docs/features\.md"):
        compute(raw, ["weekday", "no_such"])


def test_fingerprints_are_found_by_name() -> None:
    assert fingerprint_of("weekday", "any") == BY_NAME["weekday"].fingerprint("any")
    assert fingerprint_of("no_such", "any") is None
