"""Who decides what is shown: logging, trending, random, newest and oracle policies over one protocol.

A policy sees the events the readers sent and the numbers of the articles a feed may hold; only the oracle sees the
truth. Knows nothing of sessions or of how readers answer.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from feedrank.simulator.truth import Truth
from feedrank.simulator.world import Stream, World, stream
from feedrank.types import F64, HOUR, I64, Action, Event, Micros

TRENDING_HALF_LIFE = 6 * HOUR
PRIOR_VIEWS = 30.0  # how many views' worth of the overall click rate a new article starts with
PRIOR_CLICK_RATE = 0.05  # before anything was seen
REFRESH = 60 * 1_000_000  # trending scores are brought up to date once a minute
LOGGING_MIX = (0.45, 0.25, 0.30)  # of the positions: trending, newest, uniform


class Policy(Protocol):
    """Orders what may be shown to a user."""

    def rank(self, user: int, now: Micros, live: I64) -> I64:
        """An ordering of the best of `live` (item numbers in order of publication), best first; it may be shorter."""
        ...

    def observe(self, events: Sequence[Event]) -> None:
        """Takes note of events, in order of time, all of them before the next `rank`."""
        ...


class NewestPolicy:
    """The latest articles first."""

    def rank(self, user: int, now: Micros, live: I64) -> I64:
        return live[::-1]

    def observe(self, events: Sequence[Event]) -> None:
        return None


class RandomPolicy:
    """A uniform order of all that may be shown."""

    def __init__(self, world: World) -> None:
        self._rng = stream(world.settings, Stream.POLICY)

    def rank(self, user: int, now: Micros, live: I64) -> I64:
        return self._rng.permutation(live)

    def observe(self, events: Sequence[Event]) -> None:
        return None


class TrendingPolicy:
    """Smoothed click-through rate under exponential decay, the same for everyone who may see the same articles.

    Counts are kept by forward decay against the world's start, so that an event is one addition.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._views = np.zeros(len(world.articles))
        self._clicks = np.zeros(len(world.articles))
        self._scores: F64 = np.zeros(len(world.articles))
        self._scored_at: Micros | None = None

    def rank(self, user: int, now: Micros, live: I64) -> I64:
        scores = self.scores(now)[live]
        return live[np.lexsort((-live, -scores))]

    def scores(self, now: Micros) -> F64:
        """(items,) smoothed decayed click-through rates, at most a minute old."""
        if self._scored_at is None or now - self._scored_at >= REFRESH:
            faded = np.exp2(-self._halvings(now))
            views, clicks = self._views * faded, self._clicks * faded
            prior = (clicks.sum() + PRIOR_CLICK_RATE * PRIOR_VIEWS) / (views.sum() + PRIOR_VIEWS)
            self._scores = (clicks + prior * PRIOR_VIEWS) / (views + PRIOR_VIEWS)
            self._scored_at = now
        return self._scores

    def observe(self, events: Sequence[Event]) -> None:
        for event in events:
            weight = np.exp2(self._halvings(event.time))
            if event.action is Action.VIEW:
                self._views[[self._world.item_number(item) for item in event.item_ids]] += weight
            elif event.action is Action.CLICK:
                self._clicks[self._world.item_number(event.item_id)] += weight

    def _halvings(self, time: Micros) -> float:
        return (time - self._world.settings.start) / TRENDING_HALF_LIFE


class LoggingPolicy:
    """The service before it has a model: trending, newest and random articles mixed position by position.

    Every eligible article can be shown anywhere, so that a ranker trained on the log meets all of them.
    """

    def __init__(self, world: World) -> None:
        self._trending = TrendingPolicy(world)
        self._rng = stream(world.settings, Stream.POLICY)
        self._size = world.settings.slate_size

    def rank(self, user: int, now: Micros, live: I64) -> I64:
        orders = (self._trending.rank(user, now, live), live[::-1], self._rng.permutation(live))
        size = min(self._size, len(live))
        chosen: dict[int, None] = {}
        heads = [iter(order.tolist()) for order in orders]
        for lane in self._rng.choice(len(orders), size=size, p=list(LOGGING_MIX)):
            chosen[next(item for item in heads[lane] if item not in chosen)] = None
        return np.array(list(chosen), dtype=np.int64)

    def observe(self, events: Sequence[Event]) -> None:
        self._trending.observe(events)


class OraclePolicy:
    """Orders by the true probability of a click on what is examined: the best that independent clicks allow.

    It does not know which stories a reader has read, so it is an upper bound only up to familiarity.
    """

    def __init__(self, world: World) -> None:
        self._truth = Truth(world)

    def rank(self, user: int, now: Micros, live: I64) -> I64:
        attraction = self._truth.attraction(user, live, now)
        return live[np.lexsort((-live, -attraction))]

    def observe(self, events: Sequence[Event]) -> None:
        return None
