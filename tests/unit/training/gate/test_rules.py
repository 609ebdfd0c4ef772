"""What the gate makes of figures: better, not worse, worse, or unproven; and how often it errs."""

import numpy as np
import pytest

from feedrank.registry import Compared
from feedrank.training.bootstrap import intervals
from feedrank.training.gate.rules import MARGIN, MIN_EFFECTIVE_USERS, MIN_IMPRESSIONS, Outcome, Terms, outcome

MANY = (500.0, 3_000)


def measured(auc: tuple[float, float], ndcg: tuple[float, float]) -> tuple[Compared, Compared]:
    """Measures of which only the intervals matter."""
    made = [
        Compared(metric=name, challenger=0.7, champion=0.7, difference=sum(ends) / 2, low=ends[0], high=ends[1])
        for name, ends in (("auc", auc), ("ndcg@10", ndcg))
    ]
    return made[0], made[1]


@pytest.mark.parametrize(
    ("auc", "ndcg", "expected"),
    [
        ((0.001, 0.005), (0.0, 0.004), Outcome.BETTER),
        ((0.001, 0.005), (-0.004, 0.004), Outcome.BETTER),  # nDCG@10 is not lost
        ((0.001, 0.005), (-0.006, 0.004), Outcome.UNPROVEN),  # it may be lost
        ((0.001, 0.005), (-0.006, -0.001), Outcome.WORSE),  # a gain in one does not pay for a loss in the other
        ((0.0, 0.0), (0.0, 0.0), Outcome.NOT_WORSE),  # the champion itself: equal, and not better
        ((-0.004, 0.003), (-0.004, 0.003), Outcome.NOT_WORSE),
        ((-MARGIN, 0.003), (-0.004, 0.003), Outcome.UNPROVEN),
        ((-0.02, 0.03), (-0.02, 0.03), Outcome.UNPROVEN),
        ((-0.003, -0.001), (0.001, 0.003), Outcome.WORSE),  # however small the loss
    ],
)
def test_the_intervals_decide(auc: tuple[float, float], ndcg: tuple[float, float], expected: Outcome) -> None:
    found, said = outcome(measured(auc, ndcg), *MANY, Terms())
    assert found == expected
    assert {Outcome.BETTER: "better", Outcome.WORSE: "worse"}.get(found, "proven") in said


def test_the_margin_is_a_term() -> None:
    ends = (-0.012, 0.003)
    assert outcome(measured(ends, ends), *MANY, Terms())[0] == Outcome.UNPROVEN
    assert outcome(measured(ends, ends), *MANY, Terms(margin=0.02))[0] == Outcome.NOT_WORSE


@pytest.mark.parametrize(("users", "impressions"), [(MIN_EFFECTIVE_USERS - 0.1, 10**6), (1e6, MIN_IMPRESSIONS - 1)])
def test_a_few_users_prove_nothing_however_clear_it_looks(users: float, impressions: int) -> None:
    found, said = outcome(measured((0.2, 0.3), (0.2, 0.3)), users, impressions, Terms())
    assert found == Outcome.UNPROVEN
    assert f"{impressions} impressions" in said and "equally active users" in said
    assert outcome(measured((0.2, 0.3), (0.2, 0.3)), MIN_EFFECTIVE_USERS, MIN_IMPRESSIONS, Terms())[0] == "better"


def test_equal_models_are_rarely_called_better_even_with_the_fewest_users() -> None:
    """At the fewest users allowed, unequally active, each with luck of their own: nominally 2.5%, allowed 5%."""
    rng, wrong, worlds = np.random.default_rng(7), 0, 600
    for seed in range(worlds):
        visits = np.maximum(1, np.exp(rng.normal(1.5, 0.5, 63))).astype(np.int64)  # worth about 50 equal ones
        users = np.repeat(np.arange(63), visits)
        difference = rng.normal(0.0, 0.05, 63)[users] + 0.1 * rng.standard_t(4, len(users))
        wrong += intervals(difference[:, None], users, seed, 400)[0].low > 0
    assert 0.01 < wrong / worlds < 0.05
