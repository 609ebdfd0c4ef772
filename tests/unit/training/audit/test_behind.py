"""The alarm: it fires on a planted disadvantage, and without one as seldom as it says."""

import numpy as np
import pytest
from scipy import stats

from feedrank.training.audit.behind import group_against_rest, group_against_zero, holm
from feedrank.training.audit.settings import AuditSettings
from feedrank.training.audit.users import groups_set_back, user_groups, user_guardrails
from feedrank.training.dataset import Dataset
from feedrank.training.slices import Slicing

SETTINGS = AuditSettings(user_gap=0.0)


def impressions(rng: np.random.Generator, users: int, each: int, skill: np.ndarray) -> tuple[Dataset, np.ndarray]:
    """Impressions of five items, the first clicked; a user's scores tell it apart by `skill[user]`."""
    r = users * each
    user = np.repeat(np.arange(users), each)
    own = skill + rng.normal(0.0, 0.4, users)  # users differ, so their impressions are not independent
    scores = rng.standard_normal((r, 5))
    scores[:, 0] += own[user]
    labels = np.tile([1, 0, 0, 0, 0], r).astype(np.int8)
    names = tuple(f"u{u}" for u in user.tolist())
    ids = tuple(f"r{i}" for i in range(r))
    entries = np.ones(5 * r, np.bool_)
    rows = np.tile(np.arange(5), r).astype(np.int32)
    offsets = np.arange(0, 5 * r + 1, 5)
    data = Dataset(
        (),
        np.empty((5 * r, 0), np.float32),
        labels,
        entries,
        rows,
        offsets,
        np.zeros(r, np.int64),
        np.zeros(r, np.int8),
        ids,
        names,
    )
    return data, scores.ravel()


def sliced(users: int, each: int, groups: int, seed: int) -> list[Slicing]:
    """Three groupings of whole users at random."""
    rng = np.random.default_rng(seed)
    names = tuple(f"g{g}" for g in range(groups))
    return [Slicing(f"s{k}", names, np.repeat(rng.integers(0, groups, users), each)) for k in range(3)]


def test_false_alarms_are_as_rare_as_stated() -> None:
    rng = np.random.default_rng(0)
    rounds, alarms = 300, 0
    for seed in range(rounds):
        data, scores = impressions(rng, 150, 4, np.ones(150))
        groups = user_groups(data, scores, sliced(150, 4, 3, seed), SETTINGS)
        alarms += not all(rail.passed for rail in user_guardrails(groups, SETTINGS))
    # at most 5% in truth; 300 rounds of exactly 5% stay within this with probability .999
    assert alarms <= stats.binom.ppf(0.999, rounds, SETTINGS.false_alarms)


def test_a_planted_disadvantage_is_found_and_named() -> None:
    rng = np.random.default_rng(1)
    found = 0
    for seed in range(40):
        slicings = sliced(200, 5, 3, seed)
        worse = slicings[1].group[::5] == 2
        data, scores = impressions(rng, 200, 5, np.where(worse, 0.3, 1.3))
        rails = user_guardrails(user_groups(data, scores, slicings, SETTINGS), SETTINGS)
        failed = [rail.name for rail in rails if not rail.passed]
        found += "AUC of s1 g2" in failed
    assert found >= 38


def test_a_gap_within_what_is_allowed_is_no_alarm() -> None:
    rng = np.random.default_rng(2)
    slicings = sliced(400, 5, 2, 0)[:1]
    worse = slicings[0].group[::5] == 1
    data, scores = impressions(rng, 400, 5, np.where(worse, 0.9, 1.2))
    lenient = AuditSettings(user_gap=0.2)
    strict = user_guardrails(user_groups(data, scores, slicings, SETTINGS), SETTINGS)
    assert [rail.passed for rail in strict] == [False]
    assert [r.passed for r in user_guardrails(user_groups(data, scores, slicings, lenient), lenient)] == [True]
    assert strict[0].value < 0 == strict[0].limit


def test_a_small_group_is_reported_and_not_judged() -> None:
    rng = np.random.default_rng(3)
    group = np.repeat(np.where(np.arange(100) < 10, 1, 0), 3)
    data, scores = impressions(rng, 100, 3, np.where(np.arange(100) < 10, -2.0, 2.0))
    groups = user_groups(data, scores, [Slicing("s", ("many", "few"), group)], SETTINGS)
    assert np.isnan(next(g.p for g in groups if g.value == "few"))
    assert next(g.contrast.users for g in groups if g.value == "few") == 10
    assert all(rail.passed for rail in user_guardrails(groups, SETTINGS))


def test_a_challenger_that_sets_one_group_back_is_caught() -> None:
    rng = np.random.default_rng(4)
    data, champion = impressions(rng, 200, 5, np.ones(200))
    group = np.repeat(np.arange(200) % 2, 5)
    slicing = Slicing("s", ("even", "odd"), group)
    worse = champion + np.repeat(np.where(group == 1, -1.0, 0.3), 5) * (data.labels > 0)
    groups = groups_set_back(data, worse, champion, [slicing], SETTINGS)
    rails = user_guardrails(groups, SETTINGS)
    assert [rail.name for rail in rails if not rail.passed] == ["AUC of s odd"]
    same = groups_set_back(data, champion, champion, [slicing], SETTINGS)
    assert all(rail.passed for rail in user_guardrails(same, SETTINGS))


def test_the_error_is_that_of_users_not_of_impressions() -> None:
    rng = np.random.default_rng(5)
    by_user = rng.standard_normal(80)
    values, users = np.repeat(by_user, 25), np.repeat(np.arange(80), 25)
    assert group_against_zero(values, users).error == pytest.approx(by_user.std(ddof=1) / np.sqrt(80))
    # two groups of whole users: Welch's error, but for n / (n - 1)
    inside = users < 30
    a, b = by_user[:30], by_user[30:]
    welch = np.sqrt(a.var() / 30 + b.var() / 50) * np.sqrt(80 / 79)
    contrast = group_against_rest(values, inside, users)
    assert contrast.error == pytest.approx(welch)
    assert contrast.difference == pytest.approx(a.mean() - b.mean())
    assert contrast.users == 30


def test_holm_by_hand() -> None:
    nan = float("nan")
    assert holm([0.01, 0.04, 0.03, nan]) == pytest.approx([0.03, 0.06, 0.06, nan], nan_ok=True)
    assert holm([]) == []
