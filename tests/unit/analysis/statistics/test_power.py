"""Planning: the textbook's number of users, and that each question inverts the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedrank.analysis.statistics import power_of, smallest_effect, spread_of_both, users_for
from feedrank.errors import InvalidInput


def test_the_rule_of_sixteen() -> None:
    """Van Belle, "Statistical Rules of Thumb": 16 sd^2 / effect^2 users an arm for 80% power; 15.7 exactly."""
    assert users_for(0.1, 1.0) == pytest.approx(2 * 15.7 / 0.1**2, rel=0.002)


@given(
    st.floats(0.01, 0.5),
    st.floats(0.1, 10.0),
    st.floats(0.05, 0.95),
    st.sampled_from([0.01, 0.05]),
    st.floats(0.5, 0.95),
)
def test_users_effect_and_power_agree(effect: float, sd: float, share: float, alpha: float, power: float) -> None:
    users = users_for(effect * sd, sd, share, alpha, power)
    assert smallest_effect(users, sd, share, alpha, power) == pytest.approx(effect * sd, rel=0.03)
    if users > 400:
        assert power_of(effect * sd, users, sd, share, alpha) == pytest.approx(power, abs=0.01)


def test_an_uneven_split_takes_more_users() -> None:
    assert users_for(0.1, 1.0, share=0.1) == pytest.approx(users_for(0.1, 1.0) * 0.25 / (0.1 * 0.9), rel=0.01)


def test_an_arm_that_spreads_more_takes_more_users() -> None:
    sd, lift, share, users = 2.0, 0.5, 0.2, 1_000
    both = sd**2 / (users * (1 - share)) + (sd * (1 + lift)) ** 2 / (users * share)
    assert spread_of_both(sd, lift, share) ** 2 / (users * share * (1 - share)) == pytest.approx(both)
    assert spread_of_both(sd, 0.0) == sd


def test_nonsense_is_refused() -> None:
    with pytest.raises(InvalidInput, match="effect of 0"):
        users_for(0.0, 1.0)
    with pytest.raises(InvalidInput, match="does not vary"):
        users_for(0.1, 0.0)
    with pytest.raises(InvalidInput, match="treated share"):
        power_of(0.1, 100, 1.0, share=1.0)
    with pytest.raises(InvalidInput, match="1 users"):
        smallest_effect(1, 1.0)
