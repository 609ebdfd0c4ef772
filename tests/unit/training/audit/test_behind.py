"""The alarm and the guardrail: they fire on a planted disadvantage, the one of a group, the other of a ranking, and
without one as seldom as they say.
"""

import numpy as np
import pytest
from scipy import stats

from feedrank.training.audit.behind import group_against_rest, group_against_zero, holm
from feedrank.training.audit.settings import AuditSettings
from feedrank.training.audit.users import Reference, UserGroup, user_groups, user_guardrails
from feedrank.training.dataset import Dataset
from feedrank.training.slices import Slicing
from tests.grades import plain

SETTINGS = AuditSettings(user_gap=0.0, added_gap=0.0)


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
    features, times, forms = np.empty((5 * r, 0), np.float32), np.zeros(r, np.int64), np.zeros(r, np.int8)
    data = Dataset((), features, labels, entries, rows, offsets, times, forms, ids, names, plain(labels))
    return data, scores.ravel()


def sliced(users: int, each: int, groups: int, seed: int) -> list[Slicing]:
    """Three groupings of whole users at random."""
    rng = np.random.default_rng(seed)
    names = tuple(f"g{g}" for g in range(groups))
    return [Slicing(f"s{k}", names, np.repeat(rng.integers(0, groups, users), each)) for k in range(3)]


def audited(
    data: Dataset, scores: np.ndarray, slicings: list[Slicing], settings: AuditSettings = SETTINGS
) -> list[UserGroup]:
    """Beside chance, which puts no group behind another: what is added is the whole difference."""
    return user_groups(data, scores, Reference("random", np.zeros(len(scores))), slicings, settings)


def behind(groups: list[UserGroup], settings: AuditSettings = SETTINGS) -> list[str]:
    return [f"{g.grouping} {g.value}" for g in groups if g.behind(settings)]


def failed(groups: list[UserGroup], settings: AuditSettings = SETTINGS) -> list[str]:
    rails = user_guardrails(groups, "random", settings)
    return [rail.name for rail in rails if not rail.passed]


def test_false_alarms_are_as_rare_as_stated() -> None:
    rng = np.random.default_rng(0)
    rounds, alarms, refusals = 300, 0, 0
    for seed in range(rounds):
        data, scores = impressions(rng, 150, 4, np.ones(150))
        groups = audited(data, scores, sliced(150, 4, 3, seed))
        alarms += bool(behind(groups))
        refusals += bool(failed(groups))
    # at most 5% in truth; 300 rounds of exactly 5% stay within this with probability .999
    assert alarms == refusals <= stats.binom.ppf(0.999, rounds, SETTINGS.false_alarms)


def test_a_planted_disadvantage_is_found_and_named() -> None:
    rng = np.random.default_rng(1)
    found = 0
    for seed in range(40):
        slicings = sliced(200, 5, 3, seed)
        worse = slicings[1].group[::5] == 2
        data, scores = impressions(rng, 200, 5, np.where(worse, 0.3, 1.3))
        groups = audited(data, scores, slicings)
        found += "s1 g2" in behind(groups) and "AUC of s1 g2 against the others', less that by random" in failed(groups)
    assert found >= 38


def test_a_gap_within_what_is_allowed_is_no_alarm() -> None:
    rng = np.random.default_rng(2)
    slicings = sliced(400, 5, 2, 0)[:1]
    worse = slicings[0].group[::5] == 1
    data, scores = impressions(rng, 400, 5, np.where(worse, 0.9, 1.2))
    lenient = AuditSettings(user_gap=0.2, added_gap=0.2)
    for settings, told in ((SETTINGS, True), (lenient, False)):
        groups = audited(data, scores, slicings, settings)
        assert (bool(behind(groups, settings)), bool(failed(groups, settings))) == (told, told)
    (rail,) = user_guardrails(audited(data, scores, slicings), "random", SETTINGS)
    assert rail.value < 0 == rail.limit


def test_a_small_group_is_reported_and_not_judged() -> None:
    rng = np.random.default_rng(3)
    group = np.repeat(np.where(np.arange(100) < 10, 1, 0), 3)
    data, scores = impressions(rng, 100, 3, np.where(np.arange(100) < 10, -2.0, 2.0))
    groups = audited(data, scores, [Slicing("s", ("many", "few"), group)])
    few = next(g for g in groups if g.value == "few")
    assert np.isnan(few.p) and np.isnan(few.p_added) and few.contrast.users == 10
    assert not behind(groups) and not failed(groups)


def test_a_group_that_lags_whatever_ranks_is_behind_and_fails_nobody() -> None:
    """As subscribers do on EB-NeRD: the model and the reference are equally bad for them."""
    rng = np.random.default_rng(6)
    slicing = sliced(300, 5, 2, 1)[0]
    hard = slicing.group[::5] == 1
    data, reference = impressions(rng, 300, 5, np.where(hard, 0.2, 1.2))
    scores = reference + rng.normal(0.0, 0.3, len(reference))
    settings = AuditSettings()
    groups = user_groups(data, scores, Reference("old@1", reference), [slicing], settings)
    assert behind(groups, settings) == ["s0 g1"]
    (rail,) = user_guardrails(groups, "old@1", settings)
    assert rail.passed and abs(rail.value) < settings.added_gap < -groups[1].contrast.difference


def test_a_ranking_that_sets_one_group_back_is_caught() -> None:
    """Although the others gain, and although the group was not behind them before."""
    rng = np.random.default_rng(4)
    group = np.repeat(np.arange(300) % 2, 5)
    data, champion = impressions(rng, 300, 5, np.ones(300))
    slicing = Slicing("s", ("even", "odd"), group)
    worse = champion + np.repeat(np.where(group == 1, -1.0, 0.3), 5) * (data.labels > 0)
    reference = Reference("old@1", champion)
    groups = user_groups(data, worse, reference, [slicing], SETTINGS)
    odd = groups[1]
    assert (odd.value, behind(groups)) == ("odd", ["s odd"])
    assert [r.name for r in user_guardrails(groups, "old@1", SETTINGS) if not r.passed] == [
        "AUC of s odd against the others', less that by old@1"
    ]
    before = user_groups(data, champion, reference, [slicing], SETTINGS)
    assert odd.by_reference == pytest.approx(before[1].contrast.difference)
    assert odd.added.difference == pytest.approx(odd.contrast.difference - before[1].contrast.difference)
    assert all(rail.passed and rail.value == 0.0 for rail in user_guardrails(before, "old@1", SETTINGS))


def test_a_ranking_that_lets_one_group_catch_up_sets_nobody_back() -> None:
    """The others are less far ahead of it then, and that is no failing."""
    rng = np.random.default_rng(5)
    group = np.repeat(np.arange(300) % 2, 5)
    data, champion = impressions(rng, 300, 5, np.where(np.arange(300) % 2 == 1, 0.0, 1.5))
    better = champion + np.repeat(np.where(group == 1, 1.2, 0.0), 5) * (data.labels > 0)
    groups = user_groups(data, better, Reference("old@1", champion), [Slicing("s", ("even", "odd"), group)], SETTINGS)
    even, odd = groups
    assert even.added.difference < -0.1 and even.added.p_below(0.0) < 1e-6 and even.contrast.difference > 0
    (rail,) = user_guardrails(groups, "old@1", SETTINGS)
    assert rail.passed and rail.value == odd.added.difference > 0.1


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
