"""Splits, skewness and many comparisons."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from feedrank.analysis.statistics import Correction, adjusted, check_split, skewness, users_needed
from feedrank.errors import InvalidInput


def test_a_split_of_51_to_49_is_an_alarm_at_a_hundred_thousand_users_and_none_at_a_thousand() -> None:
    assert check_split((51_000, 49_000), (1, 1)).alarm
    assert not check_split((510, 490), (1, 1)).alarm
    check = check_split((51_000, 49_000), (50, 50))
    assert check.expected == (50_000.0, 50_000.0)
    assert check.p_value == pytest.approx(stats.chi2.sf(2 * 1_000**2 / 50_000, 1))


def test_weights_count_and_an_empty_variant_is_an_alarm() -> None:
    assert not check_split((9_000, 1_000), (9, 1)).alarm
    assert check_split((5_000, 5_000), (9, 1)).alarm
    assert check_split((100, 0), (1, 1)).alarm


@pytest.mark.parametrize(("counts", "weights"), [((1, 2), (1,)), ((1, 2), (1, 0)), ((0, 0), (1, 1))])
def test_nonsense_is_refused(counts: tuple[int, ...], weights: tuple[float, ...]) -> None:
    with pytest.raises(InvalidInput):
        check_split(counts, weights)


def test_the_rule_for_skewed_metrics() -> None:
    values = np.random.default_rng(0).exponential(size=200_000)
    assert skewness(values) == pytest.approx(2.0, abs=0.1)
    assert users_needed(2.0) == 4 * 355
    assert users_needed(0.1) == 100
    assert skewness(np.ones(9)) == 0.0


def test_corrections_by_hand() -> None:
    p = [0.01, 0.04, float("nan"), 0.03]
    holm = adjusted(p, Correction.HOLM)
    assert holm[[0, 1, 3]] == pytest.approx([0.03, 0.06, 0.06])
    assert np.isnan(holm[2])
    assert adjusted(p, Correction.BENJAMINI_HOCHBERG)[[0, 1, 3]] == pytest.approx([0.03, 0.04, 0.04])
    assert adjusted([], Correction.HOLM).shape == (0,)


@settings(max_examples=20)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_corrections_never_make_a_finding_stronger(p: list[float]) -> None:
    holm, bh = adjusted(p, Correction.HOLM), adjusted(p, Correction.BENJAMINI_HOCHBERG)
    assert (bh >= np.array(p) - 1e-12).all()
    assert (holm >= bh - 1e-12).all()
