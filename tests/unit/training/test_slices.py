"""Slices: every impression in the group it belongs to, and the metrics a separate judgement of that group gives."""

from dataclasses import replace

import numpy as np
import pytest

from feedrank.features import NAMES
from feedrank.training.background import UNKNOWN, Background, read_background
from feedrank.training.dataset import Dataset, View, build
from feedrank.training.forms import Form
from feedrank.training.metrics import judge
from feedrank.training.period import Period
from feedrank.training.slices import METRICS, slice_table, slicings
from feedrank.types import DAY, HOUR, Context

FEATURES = ("history_size", "age_hours", "hour", "device")


def dataset_of(histories: list[float], ages: list[float], users: list[str], times: list[int]) -> Dataset:
    """Impressions of three items each, the second clicked; `ages` are of the clicked ones."""
    r = len(histories)
    rows = np.zeros((3 * r, 4), np.float32)
    rows[:, 0] = np.repeat(histories, 3)
    rows[:, 1] = 1_000.0
    rows[1::3, 1] = ages
    rows[:, 3] = np.repeat([(1, 2, -1)[i % 3] for i in range(r)], 3)
    return Dataset(
        FEATURES,
        rows,
        np.tile([0, 1, 0], r).astype(np.int8),
        np.ones(3 * r, np.bool_),
        np.tile([0, 1, 2], r).astype(np.int32),
        np.arange(0, 3 * r + 1, 3),
        np.array(times, np.int64),
        np.full(r, Form.SHOWN, np.int8),
        tuple(f"r{i}" for i in range(r)),
        tuple(users),
    )


def background_of(joined: dict[str, int], attributes: dict[str, dict[str, str]], regions: list[str]) -> Background:
    words = np.array(["sport", "culture", ""], object)
    contexts = {(f"u{i}", f"r{i}"): Context(region=region) for i, region in enumerate(regions)}
    nothing = np.zeros(3, np.int64)
    return Background(words, words, words, words, nothing, nothing, joined, attributes, contexts)


def test_impressions_fall_into_the_groups_the_edges_say() -> None:
    times = [h * HOUR for h in (0, 3, 4, 23)]
    data = dataset_of([0, 5, 6, 51], [0.5, 6.0, 6.5, np.nan], ["u0", "u1", "u2", "u3"], times)
    groups = {s.name: [s.values[g] if g >= 0 else None for g in s.group.tolist()] for s in slicings(data)}
    assert groups["history length"] == ["0", "1-5", "6-50", "50+"]
    assert groups["activity"] == ["light users", "light users", "heavy users", "heavy users"]  # the median is 5.5
    assert groups["age of the clicked item"] == ["under 1 h", "1-6 h", "6-24 h", None]
    assert groups["hour"] == ["00-04 UTC", "00-04 UTC", "04-08 UTC", "20-24 UTC"]
    assert groups["device"] == ["desktop", "mobile", "other", "desktop"]


def test_background_brings_accounts_regions_and_tenure() -> None:
    data = dataset_of([1, 2, 3, 4], [1, 1, 1, 1], ["u0", "u1", "u2", ""], [10 * DAY] * 4)
    told = {"u0": {"subscriber": "true"}, "u1": {"subscriber": "false"}}
    background = background_of({"u0": 0, "u1": 9 * DAY, "u2": 3 * DAY}, told, ["north", "", "north"])
    groups = {s.name: [s.values[g] if g >= 0 else None for g in s.group.tolist()] for s in slicings(data, background)}
    assert groups["subscriber"] == ["true", "false", UNKNOWN, UNKNOWN]
    assert groups["region"] == ["north", UNKNOWN, "north", UNKNOWN]
    assert groups["tenure"] == ["old users", "new users", "old users", None]
    assert "category of the clicked item" not in groups  # all clicked one category: nothing to compare
    assert "hour" not in groups


def test_a_text_attribute_is_no_group_and_rare_words_come_together() -> None:
    users = [f"u{i}" for i in range(40)]
    data = dataset_of([1] * 40, [1] * 40, users, [0] * 40)
    told = {user: {"motto": user} for user in users}
    background = background_of({}, told, [f"region {min(i, 20)}" for i in range(40)])
    found = {s.name: s for s in slicings(data, background)}
    assert "motto" not in found
    assert len(found["region"].values) == 13
    assert found["region"].values[0] == "region 20"
    assert np.bincount(found["region"].group)[12] == 40 - 20 - 11


def test_each_slice_has_the_metrics_of_its_impressions_alone(everything: Period) -> None:
    data = build(everything.facts, everything.examples, View(), NAMES)
    scores = data.columns(("ctr_24h",))[:, 0].astype(np.float64)
    background = read_background(everything.facts, everything.examples)
    table = slice_table(data, scores, background, resamples=50)
    assert table[0].metrics == judge(data.labels, scores, data.offsets).mean()
    names = [s.name for s in table]
    assert {"history length", "activity", "age of the clicked item", "hour", "category of the clicked item"} < {*names}
    sports = next(s for s in table if s.value == "sport")
    clicked = [
        any(background.categories[row] == "sport" for row in data.item_rows[a:b][data.labels[a:b] > 0].tolist())
        for a, b in zip(data.offsets[:-1], data.offsets[1:], strict=True)
    ]
    part = data.take(np.array(clicked))
    mine = judge(part.labels, scores[np.repeat(clicked, np.diff(data.offsets))], part.offsets).mean()
    assert sports.metrics == mine
    assert sports.users == len({part.user_ids[i] for i in range(len(part))})
    for each in table:
        assert set(each.intervals) == set(METRICS)
        assert each.intervals["auc"].low <= each.metrics.auc <= each.intervals["auc"].high
    parts = [s.impressions for s in table if s.name == "hour"]
    assert sum(parts) == table[0].impressions


def test_what_was_not_seen_is_not_judged() -> None:
    data = dataset_of([0, 9], [1, 1], ["a", "b"], [0, 0])
    more = replace(data, seen=np.array([True, True, True, True, True, False]))
    scores = np.array([0.0, 1.0, 2.0, 0.0, 1.0, 2.0])
    assert slice_table(more, scores)[0].metrics.auc == pytest.approx((0.5 + 1.0) / 2)
    assert slice_table(more, scores)[0].as_json()["auc"] == pytest.approx(0.75)
