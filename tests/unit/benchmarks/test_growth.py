"""Growth: three sizes an axis with all else at its base, exponents of known curves, and settings in proportion."""

import growth
import pytest
from growth import Axis, Setup

from feedrank.settings import Settings, SourceQuotas


@pytest.mark.parametrize("axis", list(Axis))
def test_an_axis_has_three_growing_sizes_and_changes_nothing_else(axis: Axis) -> None:
    sizes = growth.setups(axis, Setup())
    at = [growth.size_of(axis, setup, int(setup.world.users * setup.world.mean_actions)) for setup in sizes]
    assert len(at) == 3 and at[0] < at[1] < at[2]
    for other in set(Axis) - {axis, Axis.EVENTS, Axis.USERS}:
        assert len({growth.size_of(other, setup, 0) for setup in sizes}) == 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [([3.0, 3.0, 3.0], 0.0), ([2.0, 20.0, 200.0], 1.0), ([1.0, 100.0, 10_000.0], 2.0), ([5.0, 15.8114, 50.0], 0.5)],
)
def test_the_exponent_is_that_of_the_power_law(values: list[float], expected: float) -> None:
    assert growth.exponent([10.0, 100.0, 1_000.0], values) == pytest.approx(expected, abs=1e-4)


def test_no_exponent_without_all_values() -> None:
    assert growth.exponent([1.0, 10.0], [1.0, None]) is None
    assert growth.exponent([1.0, 10.0], [1.0, 0.0]) is None


def test_quotas_follow_the_candidates_and_the_base_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for candidates in (100, 500, 2_000):
        for name, value in Setup(candidates=candidates).environment().items():
            monkeypatch.setenv(name, value)
        settings = Settings()
        assert settings.candidates == candidates
        assert settings.quotas.interest == 160 * candidates // 500
        assert settings.champion == "champion"
        if candidates == 500:
            assert settings.quotas == SourceQuotas()


def test_a_ranker_of_another_size_has_an_alias_of_its_own() -> None:
    assert Setup(trees=1_000).environment()["FEEDRANK_CHAMPION"] == "trees-1000"


def test_all_axes_measured_are_drawn() -> None:
    spread = {"median": 2.0, "min": 1.0, "max": 3.0, "rounds": 3}
    one = {"sizes": [1.0, 10.0, 100.0], "figures": {name: [spread] * 3 for name in growth.FIGURES}, "exponents": {}}
    document = growth.drawn({"trees": one, "items": one})
    assert document.count("<circle") == 2 * 3 * 3
    assert document.index(">items<") < document.index(">trees<")
