"""Forward decay against plain powers of two, and the exactness of moving a landmark."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedrank.state import HALF_LIVES, decay
from feedrank.types import DAY, HOUR, Micros
from tests.strategies import T0

half_lives = st.sampled_from(HALF_LIVES)
spans = st.integers(0, 3)
moments = st.integers(0, 2_000 * DAY)


@given(half_lives, st.lists(st.integers(0, 20 * DAY), min_size=1, max_size=20), st.integers(0, 5 * DAY))
def test_a_sum_read_later_is_the_sum_of_decayed_amounts(half_life: Micros, ages: list[int], ahead: int) -> None:
    times = T0 - np.array(ages)
    now = T0 + ahead
    landmark = decay.landmark_at(T0, half_life)
    read = decay.growth(times, landmark, half_life).sum() * decay.shrink(now, landmark, half_life)
    assert read == pytest.approx(sum(0.5 ** ((now - t) / half_life) for t in times.tolist()), rel=1e-12)


@given(moments, st.integers(0, 5 * DAY))
def test_factors_of_all_half_lives_have_the_bits_of_each_alone(moment: Micros, ahead: int) -> None:
    now = T0 + moment + ahead
    landmarks = tuple(decay.landmark_at(T0 + moment, half_life) for half_life in HALF_LIVES)
    alone = [decay.shrink(now, landmark, h) for landmark, h in zip(landmarks, HALF_LIVES, strict=True)]
    assert decay.shrinks(now, landmarks, HALF_LIVES, 3).tolist() == alone * 3


@given(half_lives, moments)
def test_landmarks_are_a_grid_of_whole_half_lives(half_life: Micros, moment: Micros) -> None:
    landmark = decay.landmark_at(T0 + moment, half_life)
    assert landmark % half_life == 0
    assert 0 <= T0 + moment - landmark < decay.SPAN_HALF_LIVES * half_life


@given(half_lives, moments, spans)
def test_a_landmark_changes_no_bit_of_what_is_read(half_life: Micros, age: int, ahead: int) -> None:
    time = T0 - age % (400 * half_life)
    now = T0 + ahead * HOUR
    old = decay.landmark_at(T0 - 300 * half_life, half_life)
    new = decay.landmark_at(T0, half_life)
    before = decay.growth(np.array([time]), old, half_life)
    after = decay.growth(np.array([time]), new, half_life)
    assert before[0] * decay.shrink(now, old, half_life) == after[0] * decay.shrink(now, new, half_life)
    decay.rebase(before, old, new, half_life)
    assert before[0] == after[0]


@given(st.integers(0, 2**32))
def test_growth_has_the_same_bits_in_any_batch_at_any_alignment(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = T0 + rng.integers(-300 * DAY, 30 * DAY, 600)
    landmark = decay.landmark_at(T0, HOUR)
    whole = decay.growth(times, landmark, HOUR)
    for _ in range(20):
        some = rng.integers(0, 600, int(rng.integers(1, 40)))
        assert (decay.growth(times[some], landmark, HOUR) == whole[some]).all()
        start, step = int(rng.integers(0, 300)), int(rng.integers(1, 9))
        assert (decay.growth(times[start::step], landmark, HOUR) == whole[start::step]).all()


def test_what_is_too_old_for_a_float_is_zero_and_what_is_ahead_of_time_is_finite() -> None:
    long_ago = np.array([0, T0 - 10_000 * HOUR])
    assert (decay.growth(long_ago, decay.landmark_at(T0, HOUR), HOUR) == 0.0).all()
    assert decay.shrink(T0 + 10_000 * HOUR, T0, HOUR) == 0.0
    sums = np.array([1.0])
    decay.rebase(sums, 0, decay.landmark_at(T0, HOUR), HOUR)
    assert sums[0] == 0.0
    assert np.isfinite(decay.growth(np.array([T0 + 400 * HOUR]), T0, HOUR)).all()


@given(st.lists(st.integers(T0 - 2_000 * DAY, T0 + 300 * DAY), max_size=20))
def test_factors_of_several_half_lives_are_those_of_each_alone(times: list[Micros]) -> None:
    half_lives = (HOUR, 6 * HOUR, 3 * DAY)
    landmarks = [decay.landmark_at(max(times, default=T0), half_life) for half_life in half_lives]
    found = decay.growths(times, landmarks, half_lives)
    assert found.shape == (len(times), len(half_lives))
    for j, (landmark, half_life) in enumerate(zip(landmarks, half_lives, strict=True)):
        assert (found[:, j] == decay.growth(np.array(times, np.int64), landmark, half_life)).all()
