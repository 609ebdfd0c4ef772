"""Off-policy estimates against truths one can enumerate, against each other, and where they must refuse."""

from pathlib import Path

import numpy as np
import pytest

from feedrank.analysis.off_policy import (
    Decisions,
    Method,
    crossfit,
    estimate,
    estimate_all,
    measure_overlap,
    on_policy,
)
from feedrank.errors import Conflict, InvalidInput
from feedrank.types import F64, I64

LOGGING = np.array([0.5, 0.3, 0.15, 0.05])
TARGET = np.array([0.1, 0.2, 0.3, 0.4])
REWARD = np.array([0.1, 0.2, 0.3, 0.6])


def a_log(seed: int, n: int = 2_000, users: int = 400) -> tuple[F64, I64, I64]:
    """Rewards, actions and users of a logging policy."""
    rng = np.random.default_rng(seed)
    actions = rng.choice(4, n, p=LOGGING)
    return (rng.random(n) < REWARD[actions]).astype(float), actions, rng.integers(0, users, n)


def decisions(seed: int, n: int = 2_000) -> Decisions:
    rewards, actions, users = a_log(seed, n)
    target = np.tile(TARGET, (n, 1))
    expected, promised = crossfit(rewards, actions, np.zeros(n, np.int64), users, target)
    return Decisions(rewards, (TARGET / LOGGING)[actions], users, expected, promised)


@pytest.mark.parametrize("method", list(Method))
def test_estimates_are_right_on_average(method: Method) -> None:
    truth = float(TARGET @ REWARD)
    values = [estimate(decisions(seed), method).value for seed in range(60)]
    tolerance = 4 * np.std(values) / np.sqrt(60) + (0.02 if method is Method.DIRECT else 0.0)
    assert np.mean(values) == pytest.approx(truth, abs=tolerance)


def test_each_formula_by_hand() -> None:
    r, w = np.array([1.0, 0.0, 1.0, 1.0]), np.array([0.5, 2.0, 4.0, 1.0])
    q, v = np.array([0.5, 0.2, 0.6, 0.4]), np.array([0.3, 0.3, 0.5, 0.5])
    found = {x.method: x.value for x in estimate_all(Decisions(r, w, np.arange(4), q, v), clip=1.5)}
    assert found[Method.IPS] == pytest.approx(5.5 / 4)
    assert found[Method.CLIPPED] == pytest.approx((0.5 + 1.5 + 1.0) / 4)
    assert found[Method.SNIPS] == pytest.approx(5.5 / 7.5)
    assert found[Method.DIRECT] == pytest.approx(0.4)
    assert found[Method.DOUBLY_ROBUST] == pytest.approx((0.3 + 0.25 + 0.3 - 0.4 + 0.5 + 1.6 + 0.5 + 0.6) / 4)


def test_with_the_logging_policy_as_target_all_is_the_mean() -> None:
    rewards, _, users = a_log(1)
    own = on_policy(rewards, users)
    for method in (Method.IPS, Method.CLIPPED, Method.SNIPS):
        value = estimate(Decisions(rewards, np.ones_like(rewards), users), method)
        assert (value.value, value.se) == pytest.approx((own.value, own.se))


def test_intervals_are_as_wide_as_independent_users_allow() -> None:
    rng = np.random.default_rng(2)
    by_user = rng.random(50)
    rewards, ones = np.repeat(by_user, 20), np.ones(1_000)
    clustered = estimate(Decisions(rewards, ones, np.arange(1_000) // 20), Method.IPS)
    naive = estimate(Decisions(rewards, ones, np.arange(1_000)), Method.IPS)
    assert clustered.se == pytest.approx(by_user.std(ddof=1) / np.sqrt(50))
    assert clustered.se > 4 * naive.se


def test_the_spread_is_that_of_a_bootstrap_over_users() -> None:
    made = decisions(3)
    rng = np.random.default_rng(4)
    sums = np.stack([np.bincount(made.users, x, minlength=400) for x in (made.weights * made.rewards, made.weights)])
    drawn = rng.multinomial(400, np.full(400, 1 / 400), size=1_500) @ sums.T
    assert estimate(made, Method.SNIPS).se == pytest.approx((drawn[:, 0] / drawn[:, 1]).std(), rel=0.07)


def test_a_reward_model_is_not_told_what_it_predicts() -> None:
    """A user alone on an action: their own reward must not be in what is expected of them."""
    rewards, actions = np.array([1.0] + [0.0] * 50), np.array([1] + [0] * 50)
    target = np.tile([0.5, 0.5], (51, 1))
    expected, promised = crossfit(rewards, actions, np.zeros(51, np.int64), np.arange(51), target)
    assert expected[0] == 0.0
    assert promised[1] > 0.0
    with pytest.raises(InvalidInput, match="must sum to 1"):
        crossfit(rewards, actions, np.zeros(51, np.int64), np.arange(51), target / 2)


def test_overlap_says_how_much_the_log_speaks_for_the_target() -> None:
    overlap = measure_overlap(decisions(5), LOGGING[a_log(5)[1]])
    assert not overlap.refusals
    assert overlap.smallest == 0.05
    # E[w]^2 / E[w^2] of these two policies
    assert overlap.effective == pytest.approx(2_000 / float((TARGET**2 / LOGGING).sum()), rel=0.1)
    assert measure_overlap(Decisions(np.ones(500), np.ones(500), np.arange(500))).effective == 500


def test_it_refuses_where_the_overlap_is_too_small() -> None:
    with pytest.raises(Conflict, match=r"150 decisions amount to \d+\.\d under the target policy"):
        measure_overlap(decisions(6, 150)).check()
    one = np.where(np.arange(4_000) == 0, 600.0, 0.85)
    with pytest.raises(Conflict, match="one decision carries 15% of the whole weight"):
        measure_overlap(Decisions(np.ones(4_000), one, np.arange(4_000))).check()
    with pytest.raises(Conflict, match=r"weights average 0\.500 where they must average 1"):
        measure_overlap(Decisions(np.ones(4_000), np.full(4_000, 0.5), np.arange(4_000))).check()


@pytest.mark.parametrize(
    ("weights", "message"), [([1.0, -1.0], "not negative"), ([1.0, np.inf], "finite"), ([1.0], "give one each")]
)
def test_nonsense_is_refused(weights: list[float], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Decisions(np.ones(2), np.array(weights), np.arange(2))


def test_a_reward_model_is_asked_for_where_it_is_needed() -> None:
    with pytest.raises(InvalidInput, match="doubly robust needs a reward model"):
        estimate(Decisions(np.ones(2), np.ones(2), np.arange(2)), Method.DOUBLY_ROBUST)


def test_open_bandits_policies_agree_with_their_own_logs(data_dir_of) -> None:
    from feedrank.analysis.evidence.open_bandit import compare_policies

    folder: Path = data_dir_of("open_bandit")
    for comparison in compare_policies(folder):
        assert not comparison.overlap.refusals
        own = comparison.own
        for value in comparison.estimates:
            if value.method is not Method.DIRECT:
                assert abs(value.value - own.value) < 2.5 * np.hypot(value.se, own.se)
