"""The permutation test over users: what SciPy finds, uniform where nothing differs, and sure where something does."""

import numpy as np
import pytest
from scipy import stats

from feedrank.analysis.compare.permutation import EXACT_USERS, sign_flip
from feedrank.types import F64, I64


def world(seed: int, users: int, gain: float = 0.0) -> tuple[F64, I64]:
    """Differences of users of unequal activity, each with an effect of their own around `gain`."""
    rng = np.random.default_rng(seed)
    visits = rng.integers(1, 9, users)
    user = np.repeat(np.arange(users), visits)
    return (gain + rng.normal(0, 0.1, users)[user] + rng.normal(0, 0.2, len(user)))[:, None], user


@pytest.mark.parametrize("seed", range(4))
def test_few_users_are_tested_exactly_as_scipy_does(seed: int) -> None:
    differences, user = world(seed, 9, gain=0.05)
    sums = np.bincount(user, differences[:, 0])
    expected = stats.permutation_test((sums,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(differences, user, seed=0)[0] == pytest.approx(expected.pvalue, abs=1e-12)


def test_many_users_are_sampled_to_the_same_answer() -> None:
    differences, user = world(1, EXACT_USERS, gain=0.03)
    exact = sign_flip(differences, user, seed=0)[0]
    padded = np.concatenate([differences, np.full((1, 1), 1e-9)])  # one user more, who says next to nothing
    sampled = sign_flip(padded, np.append(user, EXACT_USERS), seed=0)[0]
    assert 0.02 < exact < 0.9
    assert sampled == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9_999))


def test_without_a_difference_p_is_uniform() -> None:
    found = np.array([sign_flip(*world(seed, 40), seed, patterns=199)[0] for seed in range(1_000)])
    assert stats.kstest(found, "uniform").pvalue > 0.01
    for level in (0.01, 0.05, 0.1):  # a valid test errs at most as often as it says
        assert (found <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / 1_000)


def test_rows_taken_as_independent_would_err_far_more_often() -> None:
    """Why users are flipped and not rows."""
    wrong = right = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        user = np.repeat(np.arange(30), 20)
        differences = (rng.normal(0, 0.2, 30)[user] + rng.normal(0, 0.1, 600))[:, None]
        wrong += sign_flip(differences, np.arange(600), seed, patterns=199)[0] <= 0.05
        right += sign_flip(differences, user, seed, patterns=199)[0] <= 0.05
    assert right / 200 < 0.09 < 0.3 < wrong / 200


def test_a_planted_difference_is_found_as_often_as_theory_says() -> None:
    """Each of 60 equally active users has an effect around a gain of 2.8 standard errors: power 0.8."""
    found = 0
    for seed in range(300):
        effects = np.random.default_rng(seed).normal(2.8 / np.sqrt(60), 1.0, (60, 1))
        found += sign_flip(effects, np.arange(60), seed, patterns=999)[0] <= 0.05
    assert found / 300 == pytest.approx(0.80, abs=0.07)


def test_nothing_differs_nothing_is_significant_and_the_sign_does_not_matter() -> None:
    differences, user = world(3, 50, gain=0.05)
    both = np.concatenate([differences, -differences, np.zeros_like(differences)], axis=1)
    p, turned, nothing = sign_flip(both, user, seed=1)
    assert p == turned < 0.5 and nothing == 1.0
    assert sign_flip(np.empty((0, 2)), np.empty(0, np.int64), seed=1).tolist() == [1.0, 1.0]
