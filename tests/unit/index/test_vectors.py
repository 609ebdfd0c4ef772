"""Widening keeps every bit; what is no unit vector is refused by number."""

import numpy as np
import pytest

from feedrank.errors import InvalidInput
from feedrank.index.vectors import check_unit, widen


def test_widen_gives_numpys_bits_for_every_half() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    assert widen(halves.reshape(256, 256)).tobytes() == halves.astype(np.float32).tobytes()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, 1.02])
def test_what_is_not_a_unit_vector_is_refused_by_number(bad: float) -> None:
    values = np.eye(4, 6, dtype=np.float32)
    check_unit(values, 6)
    check_unit(values[:0], 6)
    values[2, 2] = bad
    with pytest.raises(InvalidInput, match="vector 2 has norm"):
        check_unit(values, 6)


def test_wrong_dimensions_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"\(n, 6\)"):
        check_unit(np.eye(5, dtype=np.float32), 6)
