from collections.abc import Sequence

import numpy as np
import pytest

from feedrank.errors import InvalidInput
from feedrank.simulator import NewestPolicy, OraclePolicy, RandomPolicy, TrendingPolicy, World, simulate
from feedrank.simulator.visits import Ask, PolicyFeeds, newest_tellings, play
from feedrank.types import DAY, I64, Action, Event


class Watched(PolicyFeeds):
    """Newest first, remembering what it was asked and told, in order."""

    def __init__(self, world: World) -> None:
        super().__init__(world, NewestPolicy(), one_telling=True)
        self.asks: list[Ask] = []
        self.told: list[Event] = []
        self.times: list[tuple[int, str]] = []
        self.slates: list[I64] = []

    def rank(self, ask: Ask) -> I64:
        self.asks.append(ask)
        self.times.append((ask.now, "ask"))
        self.slates.append(super().rank(ask))
        return self.slates[-1]

    def observe(self, events: Sequence[Event]) -> None:
        self.told += events
        self.times += [(event.time, "told") for event in events]

    def end_day(self, midnight: int) -> None:
        self.times.append((midnight, "night"))


@pytest.fixture(scope="module")
def watched(world: World) -> Watched:
    feeds = Watched(world)
    play(world, 2, feeds)
    return feeds


def test_all_is_asked_and_told_in_order_of_time(world: World, watched: Watched) -> None:
    asked = [time for time, what in watched.times if what != "told"]
    assert asked == sorted(asked)
    told = [event.time for event in watched.told]
    assert told == sorted(told)
    assert [time for time, what in watched.times if what == "night"] == [world.settings.start + DAY]


def test_a_feed_knows_what_its_readers_did_before(watched: Watched) -> None:
    """Every event that happened before a request is told before it, and none that did not."""
    told_by: dict[str, int] = {}
    happened = {event.event_id: event.time for event in watched.told}
    events = iter(watched.told)
    for order, (_, what) in enumerate(watched.times):
        if what == "told":
            told_by[next(events).event_id] = order
    asks = [(order, time) for order, (time, what) in enumerate(watched.times) if what == "ask"]
    for order, time in asks[::40]:
        assert all((told_by[name] < order) == (at < time) for name, at in happened.items())


def test_everyone_meets_the_same_sessions_as_in_simulate(world: World, watched: Watched) -> None:
    until = world.settings.start + 2 * DAY
    views = {event.session_id for event in simulate(world, NewestPolicy()) if event.action is Action.VIEW}
    mine = {ask.session_id for ask in watched.asks}
    assert mine <= views
    assert all(ask.now < until + DAY // 4 for ask in watched.asks)


def test_a_feed_tells_a_story_once_in_its_newest_telling(world: World, watched: Watched) -> None:
    articles = world.articles
    for ask, slate in list(zip(watched.asks, watched.slates, strict=True))[::25]:
        stories = articles.story[slate]
        assert len(np.unique(stories)) == len(stories)
        for item in slate.tolist():
            others = ask.live[articles.story[ask.live] == articles.story[item]]
            assert item == others.max()
        assert not np.isin(ask.shown_here, ask.live).any()


def test_newest_tellings_of_a_brute_force(world: World) -> None:
    live = np.arange(0, 900, 2)
    expected = {int(story): int(item) for item, story in zip(live, world.articles.story[live], strict=True)}
    assert newest_tellings(world, live).tolist() == sorted(expected.values())


def test_playing_again_gives_the_same_and_a_better_policy_more(world: World) -> None:
    def clicks(policy: RandomPolicy | TrendingPolicy | OraclePolicy) -> np.ndarray:
        return play(world, 1, PolicyFeeds(world, policy, one_telling=True)).clicks

    np.testing.assert_array_equal(clicks(TrendingPolicy(world)), clicks(TrendingPolicy(world)))
    random, trending, oracle = (clicks(p(world)).sum() for p in (RandomPolicy, TrendingPolicy, OraclePolicy))
    assert random < trending < oracle


def test_a_world_has_no_more_days_than_it_has(world: World) -> None:
    with pytest.raises(InvalidInput, match="4 days are asked of a world of 3"):
        play(world, 4, PolicyFeeds(world, NewestPolicy(), one_telling=False))
