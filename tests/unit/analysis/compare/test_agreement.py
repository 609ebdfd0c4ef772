"""Agreement of two orders: Kendall's tau as SciPy computes it, overlaps as sets give them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from feedrank.analysis.compare import agreement as module
from feedrank.analysis.compare.agreement import TOP, agreement, order

slates = st.lists(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=12), min_size=1, max_size=6
)


@given(slates)
def test_every_impression_as_by_hand(slates: list[list[tuple[int, int]]]) -> None:
    offsets = np.concatenate([[0], np.cumsum([len(slate) for slate in slates])])
    a, b = np.array([pair for slate in slates for pair in slate], np.float64).T
    found = agreement(a, b, offsets)
    for i, slate in enumerate(slates):
        x, y = np.array(slate, np.float64).T
        varied = len(set(x)) > 1 and len(set(y)) > 1
        expected = stats.kendalltau(x, y).statistic if varied else np.nan
        assert found.tau[i] == pytest.approx(expected, abs=1e-12, nan_ok=True)
        k = min(TOP, len(slate))
        shared = set(order(x)[:k].tolist()) & set(order(y)[:k].tolist())
        assert found.overlap[i] == pytest.approx(len(shared) / k)
        assert found.same_first[i] == (order(x)[0] == order(y)[0])


def test_the_same_and_the_reverse_order_are_the_ends() -> None:
    scores = np.arange(14, dtype=np.float64)
    offsets = np.array([0, 7, 14])
    assert agreement(scores, scores * 3 + 1, offsets).tau.tolist() == [1.0, 1.0]
    assert agreement(scores, -scores, offsets).tau.tolist() == [-1.0, -1.0]


def test_large_impressions_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 60))
    offsets = np.arange(0, 61, 6)
    whole = agreement(a, b, offsets).tau
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 40)
    np.testing.assert_array_equal(agreement(a, b, offsets).tau, whole)
