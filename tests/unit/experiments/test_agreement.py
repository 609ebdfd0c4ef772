"""How far two models agree, against hand-counted cases."""

import numpy as np
import pytest

from feedrank.experiments.agreement import agreement


def test_the_same_order_agrees_whatever_the_scale():
    scores = np.arange(30.0)
    found = agreement(scores, 3.0 * scores + scores.std())
    assert found.overlap_at_10 == 1.0 and found.kendall_tau == pytest.approx(1.0)
    assert found.score_drift == pytest.approx((2 * scores.mean() + scores.std()) / scores.std())


def test_the_reverse_order_disagrees():
    scores = np.arange(30.0)
    found = agreement(scores, -scores)
    assert found.overlap_at_10 == 0.0 and found.kendall_tau == pytest.approx(-1.0)


def test_overlap_counts_common_items_of_the_ten_best():
    served = np.arange(20.0)
    challenger = served.copy()
    challenger[[10, 0]] = challenger[[0, 10]]
    assert agreement(served, challenger).overlap_at_10 == 0.9
    pairs = [(i, j) for i in range(20) for j in range(i)]
    signs = [np.sign((served[i] - served[j]) * (challenger[i] - challenger[j])) for i, j in pairs]
    assert agreement(served, challenger).kendall_tau == pytest.approx(np.mean(signs))


def test_few_or_equal_scores_have_no_order_to_compare():
    one = agreement(np.array([2.0]), np.array([1.0]))
    assert one.overlap_at_10 == 1.0 and np.isnan(one.kendall_tau) and np.isnan(one.score_drift)
    flat = agreement(np.arange(5.0), np.ones(5))
    assert flat.overlap_at_10 == 1.0 and np.isnan(flat.kendall_tau) and np.isfinite(flat.score_drift)
