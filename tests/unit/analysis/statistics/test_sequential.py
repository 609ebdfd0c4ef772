"""The always-valid interval: its formula, its duality with p, where it is tightest, and that it survives peeking."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from feedrank.analysis.statistics.sequential import half_width, mixture_variance, p_value, planned_se

ALPHA = 0.05


def test_the_interval_is_that_of_waudby_smith_et_al() -> None:
    """Equation 10 in t, sigma and rho: sigma sqrt(2 (t rho^2 + 1) / (t^2 rho^2) log(sqrt(t rho^2 + 1) / alpha))."""
    sigma, rho, t = 1.7, 0.03, np.array([10.0, 500.0, 20_000.0])
    formula = sigma * np.sqrt(2 * (t * rho**2 + 1) / (t**2 * rho**2) * np.log(np.sqrt(t * rho**2 + 1) / ALPHA))
    assert half_width(sigma / np.sqrt(t), sigma**2 * rho**2, ALPHA) == pytest.approx(formula)


def test_p_falls_below_alpha_exactly_where_the_interval_leaves_zero() -> None:
    se, mixture = np.array([0.1, 0.5, 2.0]), 0.3
    edge = half_width(se, mixture, ALPHA)
    assert p_value(edge, se, mixture) == pytest.approx(np.full(3, ALPHA))
    assert p_value(-edge, se, mixture) == pytest.approx(np.full(3, ALPHA))
    assert (p_value(np.zeros(3), se, mixture) == 1.0).all()


def test_it_is_tightest_where_it_was_planned_to_be() -> None:
    """The closed form is an approximation: within a hundredth of the best mixture's width."""
    se = float(planned_se(0.02))
    assert se == pytest.approx(0.02 / 2.8016, rel=1e-4)
    best = minimize_scalar(lambda log: half_width(se, np.exp(log), ALPHA), bounds=(-20, 0), method="bounded")
    assert half_width(se, mixture_variance(se, ALPHA), ALPHA) <= 1.01 * best.fun
    assert half_width(0.0, mixture_variance(se)) == 0.0
    assert 1.96 * se < half_width(se, mixture_variance(se)) < 3.2 * se


def test_peeking_at_every_observation_misses_at_most_as_often_as_it_says() -> None:
    rng = np.random.default_rng(20)
    runs, looks = 1_000, 1_500
    walk = rng.standard_normal((runs, looks)).cumsum(axis=1)
    t = np.arange(1, looks + 1)
    means, se = walk / t, 1 / np.sqrt(t)
    missed = (np.abs(means) > half_width(se, mixture_variance(0.05), ALPHA)).any(axis=1).mean()
    naive = (np.abs(means[:, 50:]) > 1.96 * se[50:]).any(axis=1).mean()
    assert missed <= ALPHA + 2.6 * np.sqrt(ALPHA * (1 - ALPHA) / runs)
    assert naive > 0.25
