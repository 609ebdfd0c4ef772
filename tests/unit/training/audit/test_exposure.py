"""Exposure of groups of items: shares by hand, and an alarm where one group is kept down."""

import numpy as np
import pytest
from scipy import stats

from feedrank.training.audit.exposure import exposure_guardrails, group_exposures
from feedrank.training.audit.item_groups import item_groupings
from feedrank.training.audit.lists import TOP, Lists
from feedrank.training.audit.settings import AuditSettings
from feedrank.training.background import UNKNOWN, Background
from feedrank.types import HOUR

ITEMS = 40
SMALL = np.arange(0, ITEMS, 8)  # five items of a small publisher each


def background() -> Background:
    """Publishers: one item in eight is of a small one of its own."""
    sources = np.array([f"small{i}" if i % 8 == 0 else f"large{i % 3}" for i in range(ITEMS)], object)
    category = np.array(["sport" if i % 2 else "" for i in range(ITEMS)], object)
    nothing = np.full(ITEMS, "", object)
    born = np.where(np.arange(ITEMS) < 20, 0, 90 * HOUR)
    return Background(category, sources, nothing, nothing, born, born)


def lists_by(scores: np.ndarray, users: int) -> Lists:
    """Lists of the ten best of all items, by scores (users, ITEMS)."""
    top = np.argsort(-scores, axis=1)[:, :TOP].astype(np.int32)
    pool = np.tile(np.arange(ITEMS, dtype=np.int32), users)
    offsets = np.arange(users + 1) * ITEMS
    return Lists(top, pool, offsets, np.full(users, 92 * HOUR), tuple(f"u{u}" for u in range(users)))


def test_groupings_part_items_as_their_words_say() -> None:
    groupings = {g.name: g for g in item_groupings(background(), np.arange(ITEMS, dtype=np.int32))}
    assert set(groupings) == {"source", "category", "publisher size", "item age"}
    rows, times = np.arange(ITEMS, dtype=np.int32), np.full(ITEMS, 92 * HOUR)
    size = groupings["publisher size"].assign(rows, times)
    assert np.flatnonzero(size == 0).tolist() == SMALL.tolist()
    assert groupings["category"].values == ("sport", UNKNOWN)
    assert groupings["category"].assign(rows, times).tolist() == [1, 0] * 20
    assert groupings["item age"].assign(rows, times).tolist() == [1] * 20 + [0] * 20


def test_shares_and_ratio_by_hand() -> None:
    lists = Lists(
        np.array([[0, 1, *([-1] * 8)]], np.int32),
        np.array([0, 1, 2, 3], np.int32),
        np.array([0, 4]),
        np.array([92 * HOUR]),
        ("u",),
    )
    quality = np.full(ITEMS, 0.1)
    quality[0] = 0.3
    grouping = [g for g in item_groupings(background(), np.arange(ITEMS, dtype=np.int32)) if g.name == "publisher size"]
    small, large = group_exposures(lists, grouping, quality, AuditSettings())
    first = 1.0 / (1.0 + 1.0 / np.log2(3))
    assert (small.value, small.items, large.items) == ("small", 1, 3)
    assert [small.supply, small.merit, small.exposure.mean] == pytest.approx([0.25, 0.5, first])
    assert small.ratio == pytest.approx(2 * first)
    assert large.supply + small.supply == pytest.approx(1.0)


def alarms(handicap: float, seed: int, settings: AuditSettings) -> list[str]:
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((60, ITEMS))
    scores[:, SMALL] -= handicap
    lists = lists_by(scores, 60)
    groupings = item_groupings(background(), np.arange(ITEMS, dtype=np.int32))
    exposures = group_exposures(lists, groupings, np.full(ITEMS, 0.1), settings)
    return [rail.name for rail in exposure_guardrails(exposures, settings) if not rail.passed]


def test_the_alarm_fires_where_small_publishers_are_kept_down() -> None:
    assert "exposure of publisher size small" in alarms(2.0, 0, AuditSettings())
    assert alarms(0.0, 0, AuditSettings()) == []
    assert alarms(2.0, 0, AuditSettings(guarded=("item age: new",))) == []


def test_a_group_that_few_users_could_have_been_shown_is_not_judged() -> None:
    """Ninety users, of whom three had the one item of a publisher among their candidates and were not shown it."""
    tops = np.tile(np.arange(1, TOP + 1, dtype=np.int32), (90, 1))
    pools = [np.arange(0 if u < 3 else 1, TOP + 5, dtype=np.int32) for u in range(90)]
    offsets = np.concatenate([[0], np.cumsum([len(pool) for pool in pools])])
    lists = Lists(tops, np.concatenate(pools), offsets, np.full(90, 92 * HOUR), tuple(f"u{u}" for u in range(90)))
    groupings = item_groupings(background(), np.arange(ITEMS, dtype=np.int32))
    found = group_exposures(lists, groupings, np.full(ITEMS, 0.1), AuditSettings())
    alone = next(e for e in found if e.value == "small0")
    assert alone.exposure.mean == 0.0 and alone.guarded and np.isnan(alone.p)
    assert not any("small0" in rail.name for rail in exposure_guardrails(found, AuditSettings()))


def test_false_alarms_are_as_rare_as_stated_where_exposure_is_just_at_the_floor() -> None:
    proportional = AuditSettings(exposure_floor=1.0)
    rounds = 40
    fired = sum(bool(alarms(0.0, seed, proportional)) for seed in range(rounds))
    assert fired <= stats.binom.ppf(0.999, rounds, proportional.false_alarms)
