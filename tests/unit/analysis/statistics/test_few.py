"""Few events: limits against exact ones, the always-valid region against brute force, and zeros at either end."""

import numpy as np
import pytest
from scipy import stats

from feedrank.analysis.statistics import Tally, excess, excess_always, relative_excess
from feedrank.analysis.statistics.few import LARGEST_UNSEEN, SHAPE

VIEWS = 1_000.0


def singles(*events: int, exposure: float = VIEWS) -> Tally:
    """Arms in which nobody did it twice."""
    n = np.array(events, np.float64)
    return Tally(n, n, np.minimum(n, 1.0), np.full(n.shape, exposure))


def test_limits_of_one_rate_are_garwoods_where_nobody_does_it_twice() -> None:
    arm = singles(0, 1, 5, 40)
    low, high = arm.limits(np.array(1.0))
    assert high * VIEWS == pytest.approx(stats.chi2.isf(0.025, 2 * (arm.events + 1)) / 2)
    assert low * VIEWS == pytest.approx([0.0, *(stats.chi2.ppf(0.025, 2 * arm.events[1:]) / 2)])


def test_who_does_it_often_widens_the_limits() -> None:
    together = Tally.of(np.array([[6.0, 10.0], [0.0, 10.0], [0.0, 10.0]]))
    apart = Tally.of(np.array([[2.0, 10.0], [2.0, 10.0], [2.0, 10.0]]))
    found = (together.events, together.squares, together.largest, together.exposure)
    assert [float(value) for value in found] == [6, 36, 6, 30]
    for arm in (together, apart):
        low, high = arm.limits(arm.largest)
        assert low < arm.rate < high
    assert together.limits(together.largest)[1] > apart.limits(apart.largest)[1]
    assert together.limits(together.largest)[0] < apart.limits(apart.largest)[0]


def test_a_difference_of_nothing_from_nothing_is_what_one_arm_may_hide() -> None:
    low, high = excess(singles(0), singles(0))
    assert high == pytest.approx(LARGEST_UNSEEN * stats.chi2.isf(0.025, 2) / 2 / VIEWS)
    assert low == pytest.approx(-high)
    low, high = excess_always(singles(0), singles(0), 0.001)
    assert 0 < high < 1.3 * LARGEST_UNSEEN * 3.69 / VIEWS
    assert low == pytest.approx(-high)


def test_the_fixed_interval_of_many_events_is_the_normal_one() -> None:
    control, treatment = singles(4_000, exposure=1e5), singles(5_000, exposure=1e5)
    half = 1.96 * np.sqrt(9_000) / 1e5
    low, high = excess(control, treatment)
    assert low[0] == pytest.approx(0.01 - half, abs=0.04 * half)
    assert high[0] == pytest.approx(0.01 + half, abs=0.04 * half)


@pytest.mark.parametrize("ratio", [1.0, 1.25])
@pytest.mark.parametrize("counts", [(10, 30), (3, 1), (0, 2), (2, 0), (60, 0)])
def test_the_always_valid_interval_spans_what_the_two_mixtures_do_not_refute(
    counts: tuple[int, int], ratio: float
) -> None:
    """Mixtures by quadrature, the region on a grid."""
    scale, rates = 0.004, np.linspace(1e-7, 0.2, 1_501)
    weights = stats.gamma.ppf((np.arange(4_000) + 0.5) / 4_000, SHAPE, scale=scale / SHAPE)

    def evidence(events: int) -> np.ndarray:
        count, exposure = events / LARGEST_UNSEEN, VIEWS / LARGEST_UNSEEN
        logs = count * np.log(weights[None] / rates[:, None]) - exposure * (weights[None] - rates[:, None])
        top = logs.max(axis=1)
        return np.asarray(top + np.log(np.exp(logs - top[:, None]).mean(axis=1)))

    control, treatment = (evidence(n) for n in counts)
    held = control[:, None] + treatment[None] < np.log(1 / 0.05)
    differences = (rates[None] - ratio * rates[:, None])[held]
    low, high = excess_always(singles(counts[0]), singles(counts[1]), scale, ratio)
    assert high[0] == pytest.approx(differences.max(), abs=6e-4)
    assert low[0] == pytest.approx(differences.min(), abs=6e-4)


def test_ratios_are_those_at_which_the_contrast_touches_zero() -> None:
    control, treatment = singles(20), singles(30)

    def contrast(ratio: float) -> tuple[float, float]:
        low, high = excess(control, treatment, ratio)
        return float(low[0]), float(high[0])

    low, high = relative_excess(contrast)
    assert contrast(1 + low)[0] == pytest.approx(0.0, abs=1e-9)
    assert contrast(1 + high)[1] == pytest.approx(0.0, abs=1e-9)
    assert low < 0.5 < high


def test_ratios_to_nothing_are_unbounded() -> None:
    none, some = singles(0), singles(30)
    assert relative_excess(lambda r: _one(excess(none, some, r)))[1] == np.inf
    assert relative_excess(lambda r: _one(excess(none, some, r)))[0] > 0.5
    assert relative_excess(lambda r: _one(excess(some, none, r)))[0] == -1.0


def _one(interval: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    return float(interval[0][0]), float(interval[1][0])


def test_experiments_side_by_side_are_each_by_itself() -> None:
    control, treatment = singles(0, 3, 9), singles(1, 8, 0)
    for together, alone in (
        (excess(control, treatment), lambda c, t: excess(c, t)),
        (excess_always(control, treatment, 0.001), lambda c, t: excess_always(c, t, 0.001)),
    ):
        for i, (c, t) in enumerate(((0, 1), (3, 8), (9, 0))):
            expected = alone(singles(c), singles(t))
            assert [end[i] for end in together] == pytest.approx([end[0] for end in expected])
