"""Bootstrap over users: intervals as wide as independent users allow, and differences that stay paired."""

import numpy as np
import pytest

from feedrank.training.bootstrap import intervals, numbered, paired, resampled_means


def test_the_interval_is_wider_where_one_user_made_many_impressions() -> None:
    rng = np.random.default_rng(0)
    by_user = rng.uniform(0.4, 1.0, 50)
    values = np.repeat(by_user, 20)[:, None]
    clustered = intervals(values, np.arange(1000) // 20, seed=1)[0]
    naive = intervals(values, np.arange(1000), seed=1)[0]
    assert clustered.high - clustered.low > 3 * (naive.high - naive.low)
    # the standard error of a mean of 50 independent users
    expected = 2 * 1.96 * by_user.std() / np.sqrt(50)
    assert clustered.high - clustered.low == pytest.approx(expected, rel=0.15)
    assert clustered == intervals(values, np.arange(1000) // 20, seed=1)[0]


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for trial in range(300):
        level = rng.normal(0.5, 0.1, 80)
        sizes = rng.integers(1, 8, 80)
        users = np.repeat(np.arange(80), sizes)
        values = (level[users] + rng.normal(0, 0.1, len(users)))[:, None]
        interval = intervals(values, users, seed=trial, resamples=400)[0]
        covered += interval.low <= 0.5 <= interval.high
    assert 0.90 <= covered / 300 <= 0.98


def test_a_difference_is_paired_by_impression() -> None:
    rng = np.random.default_rng(2)
    champion = rng.uniform(0, 1, (400, 2))
    challenger = champion + 0.01
    better = paired(challenger, champion, np.arange(400), seed=1)
    assert [d.mean for d in better] == pytest.approx([0.01, 0.01])
    assert [d.high - d.low for d in better] == pytest.approx([0, 0], abs=1e-12)
    assert better[0].excludes_zero
    assert not paired(champion, champion, np.arange(400), seed=1)[0].excludes_zero


def test_columns_share_their_draws_and_large_calls_are_cut_without_changing_them() -> None:
    values = np.arange(30.0)[:, None] * [1.0, 2.0]
    means = resampled_means(values, np.arange(30) // 3, seed=3, resamples=50)
    assert means[:, 1] == pytest.approx(2 * means[:, 0])
    assert means.shape == (50, 2)


def test_an_unknown_user_is_one_of_their_own() -> None:
    users = numbered(["a", "", "a", ""])
    assert users[0] == users[2]
    assert len(set(users.tolist())) == 3


def test_nothing_to_average_is_nan() -> None:
    nothing = intervals(np.empty((0, 1)), np.empty(0, np.int64), seed=1)[0]
    assert np.isnan([nothing.mean, nothing.low, nothing.high]).all()
