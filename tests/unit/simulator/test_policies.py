import numpy as np
import pytest

from feedrank.simulator import LoggingPolicy, NewestPolicy, OraclePolicy, TrendingPolicy, Truth, World, WorldSettings
from feedrank.simulator.measure import measure
from feedrank.simulator.policies import PRIOR_CLICK_RATE, PRIOR_VIEWS, TRENDING_HALF_LIFE
from feedrank.types import DAY, Action, Event


def test_trending_is_the_smoothed_decayed_click_rate(world: World, log: list[Event]) -> None:
    until = world.settings.start + 2 * DAY
    past = [event for event in log if event.time < until]
    views, clicks = np.zeros(len(world.articles)), np.zeros(len(world.articles))
    for event in past:
        weight = 2.0 ** ((event.time - until) / TRENDING_HALF_LIFE)
        if event.action is Action.VIEW:
            for item in event.item_ids:
                views[world.item_number(item)] += weight
        elif event.action is Action.CLICK:
            clicks[world.item_number(event.item_id)] += weight
    prior = (clicks.sum() + PRIOR_CLICK_RATE * PRIOR_VIEWS) / (views.sum() + PRIOR_VIEWS)
    policy = TrendingPolicy(world)
    policy.observe(past)
    assert policy.scores(until) == pytest.approx((clicks + prior * PRIOR_VIEWS) / (views + PRIOR_VIEWS))
    live = world.live_items(0, until)
    order = policy.rank(0, until, live)
    assert sorted(order) == sorted(live)
    assert (np.diff(policy.scores(until)[order]) <= 0).all()


def test_the_oracle_orders_by_what_is_true(world: World, truth: Truth) -> None:
    now = world.settings.start + DAY
    live = world.live_items(5, now)
    order = OraclePolicy(world).rank(5, now, live)
    assert sorted(order) == sorted(live)
    assert (np.diff(truth.attraction(5, order, now)) <= 0).all()


def test_newest_first_is_newest_first(world: World) -> None:
    live = world.live_items(5, world.settings.start + DAY)
    assert (np.diff(world.articles.published_at[NewestPolicy().rank(5, 0, live)]) <= 0).all()


def test_logging_shows_everything_somewhere_and_nothing_twice(world: World) -> None:
    now, policy = world.settings.start + DAY, LoggingPolicy(world)
    live = world.live_items(5, now)
    shown: set[int] = set()
    for _ in range(400):
        slate = policy.rank(5, now, live)
        assert len(set(slate.tolist())) == len(slate) == world.settings.slate_size
        shown.update(slate.tolist())
    assert len(shown) > 0.95 * len(live)
    assert len(policy.rank(5, now, live[:3])) == 3
    assert len(policy.rank(5, now, live[:0])) == 0


def test_knowing_the_readers_is_worth_two_to_three_times_trending() -> None:
    """The room a ranker has in the default world; its constants are tuned for this."""
    world = World.build(WorldSettings())
    trending, oracle = (measure(world, policy) for policy in (TrendingPolicy(world), OraclePolicy(world)))
    assert trending.sessions == oracle.sessions
    assert 2.0 < oracle.clicks_per_session / trending.clicks_per_session < 3.0
    assert 20_000 < trending.events < 60_000
