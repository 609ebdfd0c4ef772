"""Estimates against SciPy, against a regression, against a bootstrap, and against each other."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from feedrank.analysis.statistics import Moments, compare, influence
from feedrank.errors import InvalidInput
from feedrank.types import F64


def visits(seed: int, n: int, lift: float = 1.0) -> F64:
    """(n, 4): clicks and views of heterogeneous users, and the same before."""
    rng = np.random.default_rng(seed)
    activity, taste = rng.gamma(1.5, 6.0, n), rng.beta(2, 18, n)
    views, before = rng.poisson(activity) + 1.0, rng.poisson(activity) + 1.0
    clicks = rng.binomial(views.astype(int), np.minimum(taste * lift, 1.0))
    return np.stack([clicks, views, rng.binomial(before.astype(int), taste), before], axis=1)


def as_mean(values: F64) -> F64:
    return np.stack([values, np.ones(len(values))], axis=1)


def test_a_mean_is_compared_as_welch_compares_it() -> None:
    control, treatment = visits(1, 300)[:, 0], visits(2, 500, 1.3)[:, 0]
    difference = compare(Moments.of(as_mean(control)), Moments.of(as_mean(treatment)))
    welch = stats.ttest_ind(treatment, control, equal_var=False)
    assert difference.p_value() == pytest.approx(welch.pvalue, rel=1e-9)
    assert difference.df == pytest.approx(welch.df)
    assert np.array(difference.interval()) == pytest.approx(np.array(welch.confidence_interval(0.95)))


def test_the_delta_method_gives_the_spread_a_bootstrap_over_users_gives() -> None:
    columns = visits(3, 4_000)[:, :2]
    rng = np.random.default_rng(4)
    drawn = rng.multinomial(len(columns), np.full(len(columns), 1 / len(columns)), size=2_000) @ columns
    estimate = compare(Moments.of(columns), Moments.of(columns)).control
    assert estimate.value == pytest.approx(columns[:, 0].sum() / columns[:, 1].sum())
    assert np.sqrt(estimate.variance) == pytest.approx((drawn[:, 0] / drawn[:, 1]).std(), rel=0.05)
    # treating views as independent would claim too much
    p = float(estimate.value)
    assert estimate.variance > 1.5 * p * (1 - p) / columns[:, 1].sum()


def test_influences_carry_the_same_variance() -> None:
    columns = visits(5, 800)[:, :2]
    z = influence(columns)
    assert z.mean() == pytest.approx(0, abs=1e-12)
    assert z.var(ddof=1) / len(z) == pytest.approx(float(compare(*[Moments.of(columns)] * 2).control.variance))


def test_cuped_is_the_regression_on_the_covariate() -> None:
    control, treatment = visits(6, 700), visits(7, 900, 1.2)
    for columns in (control, treatment):
        columns[:, [1, 3]] = 1.0  # clicks per user, adjusted by clicks per user before
    difference = compare(Moments.of(control), Moments.of(treatment))
    treated = np.repeat([0.0, 1.0], [700, 900])
    both = np.concatenate([control, treatment])
    fit = sm.OLS(both[:, 0], np.stack([np.ones(1_600), treated, both[:, 2]], axis=1)).fit()
    assert difference.effect == pytest.approx(fit.params[1], rel=1e-9)
    assert difference.se == pytest.approx(fit.HC1_se[1], rel=0.02)
    rho = np.corrcoef(both[:, 0] - fit.params[1] * treated, both[:, 2])[0, 1]
    assert difference.reduction == pytest.approx(rho**2, abs=0.02)


def test_cuped_leaves_a_ratio_where_it_was_on_average_and_narrows_it() -> None:
    effects, reductions = [], []
    for seed in range(60):
        plain = [visits(100 + 2 * seed, 800), visits(101 + 2 * seed, 800, 1.1)]
        adjusted = compare(*map(Moments.of, plain))
        effects.append(float(adjusted.effect - compare(*(Moments.of(c[:, :2]) for c in plain)).effect))
        reductions.append(float(adjusted.reduction))
    assert abs(np.mean(effects)) < 4 * np.std(effects) / np.sqrt(len(effects))
    assert min(reductions) > 0.1


def test_a_covariate_nobody_has_changes_nothing() -> None:
    control, treatment = visits(8, 200), visits(9, 200)
    control[:, 2:] = treatment[:, 2:] = 0.0
    adjusted = compare(Moments.of(control), Moments.of(treatment))
    plain = compare(Moments.of(control[:, :2]), Moments.of(treatment[:, :2]))
    assert adjusted.effect == plain.effect
    assert adjusted.se == pytest.approx(plain.se, rel=1e-12)
    assert adjusted.reduction == pytest.approx(0.0, abs=1e-12)


def test_the_relative_effect_is_the_lift_with_the_spread_of_a_bootstrap() -> None:
    control, treatment = visits(10, 3_000)[:, :2], visits(11, 3_000, 1.3)[:, :2]
    difference = compare(Moments.of(control), Moments.of(treatment))
    rng = np.random.default_rng(12)
    even = np.full(3_000, 1 / 3_000)
    sums = [rng.multinomial(3_000, even, size=2_000) @ columns for columns in (control, treatment)]
    values = [s[:, 0] / s[:, 1] for s in sums]
    assert difference.relative == pytest.approx(difference.effect / difference.control.value)
    assert difference.relative_se == pytest.approx((values[1] / values[0]).std(), rel=0.06)
    low, high = difference.relative_interval()
    assert low < 0.3 < high


@settings(max_examples=25)
@given(st.lists(st.integers(2, 40), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_moments_add_up_over_users_and_stack_over_experiments(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [rng.poisson(3.0, (size, 2)).astype(float) for size in sizes]
    whole = np.concatenate(parts)
    summed = Moments.from_sums(
        np.array(len(whole)), sum(p.sum(axis=0) for p in parts), np.asarray(sum(p.T @ p for p in parts))
    )
    direct = Moments.of(whole)
    assert summed.mean == pytest.approx(direct.mean)
    assert summed.cov == pytest.approx(direct.cov, abs=1e-9)
    stacked = Moments.of(np.stack([whole, whole + 1.0]))
    assert stacked.mean[1] == pytest.approx(direct.mean + 1.0)
    assert stacked.cov == pytest.approx(np.stack([direct.cov, direct.cov]), abs=1e-9)


def test_equal_constants_do_not_differ_and_unequal_ones_do() -> None:
    ones, twos = as_mean(np.ones(5)), as_mean(np.full(5, 2.0))
    assert compare(Moments.of(ones), Moments.of(ones)).p_value() == 1.0
    assert compare(Moments.of(ones), Moments.of(twos)).p_value() == 0.0


def test_a_metric_without_a_denominator_is_nan_and_nonsense_is_refused() -> None:
    nothing = Moments.of(np.zeros((5, 2)))
    assert np.isnan(compare(nothing, nothing).effect)
    with pytest.raises(InvalidInput, match="moments of 3 columns"):
        compare(Moments.of(np.zeros((5, 3))), Moments.of(np.zeros((5, 3))))
    with pytest.raises(InvalidInput, match="1 per-user values are not finite"):
        Moments.of(np.array([[1.0, np.nan]]))
