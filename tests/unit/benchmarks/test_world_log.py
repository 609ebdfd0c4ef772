"""The log of a benchmark world: its shape is what is stated, and the same seed makes the same world."""

from pathlib import Path

import numpy as np
import pytest
import world_log
from world_log import Catalog, Slates

from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.types import DAY, SECOND, Action, UserId
from feedrank.user_records import Lane

END = 1_700_000_000 * SECOND


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def world(items: int = 3_000, users: int = 400, mean: float = 25.0) -> tuple[Catalog, Slates]:
    random = rng()
    catalog = world_log.catalog_of(items, END, random)
    return catalog, world_log.slates_of(catalog, users, mean, END, random)


@pytest.mark.parametrize("items", [500, 3_000, 50_000])
def test_topics_are_equally_large_and_sorted_by_time(items: int) -> None:
    catalog = world_log.catalog_of(items, END, rng())
    sizes = np.diff(catalog.starts)
    assert sizes.sum() == items and sizes.max() - sizes.min() <= 1
    for topic in range(catalog.topics):
        own = slice(int(catalog.starts[topic]), int(catalog.starts[topic + 1]))
        assert (catalog.topic[own] == topic).all() and (np.diff(catalog.published[own]) >= 0).all()
    assert catalog.published.max() <= END and catalog.published.min() >= END - world_log.ITEM_DAYS * DAY


def test_nobody_is_shown_what_had_not_come_out_and_nothing_twice() -> None:
    catalog, slates = world()
    assert slates.shown.shape == (len(slates.user), world_log.SHOWN)
    assert (catalog.published[slates.shown] <= slates.time[:, None]).all()
    assert (np.diff(np.sort(slates.shown, axis=1), axis=1) > 0).all()
    assert (np.diff(slates.time) >= 0).all() and slates.time.max() < END


def test_users_click_in_three_topics_of_theirs() -> None:
    catalog, slates = world()
    clicked = catalog.topic[slates.shown[np.arange(len(slates.user)), slates.clicked]]
    of_user = [set(clicked[slates.user == user].tolist()) for user in range(400)]
    assert max(map(len, of_user)) == world_log.TOPICS_READ
    assert np.mean([len(topics) for topics in of_user]) > 2.5


def test_most_reads_are_of_what_is_new() -> None:
    catalog, slates = world(items=30_000)
    clicked = slates.shown[np.arange(len(slates.user)), slates.clicked]
    age = slates.time - catalog.published[clicked]
    assert np.median(age) < 3 * DAY < np.median(slates.time.mean() - catalog.published)


def test_clicks_concentrate_on_hits_and_on_popular_topics() -> None:
    catalog, slates = world(items=30_000, users=3_000)
    clicked = slates.shown[np.arange(len(slates.user)), slates.clicked]
    of_item = np.sort(np.bincount(clicked, minlength=30_000))[::-1]
    assert of_item[:300].sum() > 0.45 * of_item.sum()
    of_topic = np.sort(np.bincount(catalog.topic[clicked], minlength=catalog.topics))[::-1]
    assert of_topic[: catalog.topics // 10].sum() > 0.5 * of_topic.sum() and (of_topic > 0).mean() > 0.9


@pytest.mark.parametrize("mean", [8.0, 25.0, 102.0, 150.0])
def test_activity_is_a_power_law_with_the_mean_asked_for(mean: float) -> None:
    actions = world_log.actions_of(200_000, mean, rng())
    assert actions.min() >= world_log.FEWEST and actions.max() <= world_log.MOST
    assert abs(actions.mean() / mean - 1.0) < 0.03
    if mean == 25.0:
        assert np.median(actions) < 15 and np.percentile(actions, 99) > 150  # few do much


@pytest.mark.parametrize("mean", [5.0, 200.0, 0.0])
def test_an_impossible_mean_is_refused(mean: float) -> None:
    with pytest.raises(ValueError, match="does not lie between"):
        world_log.exponent_for(mean)


def test_vectors_are_of_unit_length_and_lie_by_topic() -> None:
    catalog = world_log.catalog_of(4_000, END, rng())
    values = np.concatenate(list(world_log.vectors_of(catalog.topic, 64, catalog.topics, rng())))
    np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1.0, atol=1e-5)
    cosines = values[:200] @ values.T
    same = catalog.topic[:200, None] == catalog.topic
    category = catalog.topic // world_log.TOPICS_A_CATEGORY
    akin = (category[:200, None] == category) & ~same
    far = category[:200, None] != category
    assert cosines[same].mean() > 0.45 > cosines[akin].mean() + 0.05
    assert cosines[akin].mean() > cosines[far].mean() + 0.1


def test_the_same_seed_makes_the_same_world() -> None:
    (one, slates), (other, again) = world(), world()
    np.testing.assert_array_equal(one.published, other.published)
    np.testing.assert_array_equal(slates.shown, again.shown)


def test_what_is_written_is_what_a_store_then_knows(tmp_path: Path) -> None:
    random = rng()
    catalog = world_log.catalog_of(500, END, random)
    slates = world_log.slates_of(catalog, 20, 6.0, END, random)
    store = SqliteStore.open(tmp_path, Settings())
    try:
        told: list[int] = []
        world_log.write_items(store, catalog, "space", 16, random, told.append)
        events = world_log.write_events(store, slates, told.append)
        assert events == 2 * len(slates.user) and sum(told) == 500 + events
        assert store.position() == 2 * 500 + events  # an item and its vector each
        assert store.vectors("space").values.shape == (500, 16)
        records = store.user_history(UserId("u3")).records
        mine = np.flatnonzero(slates.user == 3)
        clicks = [r for r in records if r.lane is Lane.ENGAGEMENT]
        assert len(clicks) == len(mine) and all(r.action == Action.CLICK for r in clicks)
        shown = [r for r in records if r.lane is Lane.VIEW]
        assert [list(r.rows) for r in shown] == slates.shown[mine].tolist()  # row k is item k
    finally:
        store.close()
