"""The default world is frozen: what the closed loop is judged in must not move while anything is tuned.

Whoever changes what these sums are over makes every figure of docs/closed_loop.md one of another world: measure them
anew, say why in an ADR, and only then write the new sums here.
"""

import hashlib
from collections.abc import Iterable

import numpy as np
import pytest

from feedrank.simulator import LoggingPolicy, OraclePolicy, TrendingPolicy, Truth, World, WorldSettings, simulate
from feedrank.simulator.measure import measure
from feedrank.types import DAY

SETTINGS = (
    "WorldSettings(users=400, items=2000, days=7, seed=7, start=1767571200000000, backlog_hours=24, "
    "lifetime_hours=72, sessions_per_day=3.2, slate_size=20)"
)
ARTICLES = "366a4812883a67fe"
READERS = "e8291265b41a6c66"
TRUTH = "a51dbee755e9b0a7"
EVENTS = "6e9e9624b2c1ce9f"
PLACES = 6  # decimals: the last bits of exp differ between types of CPU


@pytest.fixture(scope="module")
def default_world() -> World:
    return World.build(WorldSettings())


def digest(parts: Iterable[object]) -> str:
    """A sum over texts and columns; floats are rounded, and -0 is 0."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray) and part.dtype.kind == "f":
            part = np.round(part.astype(np.float64), PLACES) + 0.0
        total.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return total.hexdigest()[:16]


def test_its_size_and_span() -> None:
    assert repr(WorldSettings()) == SETTINGS


def test_its_articles(default_world: World) -> None:
    assert digest(default_world.items()) == ARTICLES


def test_its_readers(default_world: World) -> None:
    readers = default_world.readers
    who = (readers.region, readers.reads, readers.device, readers.sessions_per_day, readers.hour_shift)
    likes = (readers.interests, readers.fandoms, readers.eagerness)
    assert digest([*default_world.users(), *who, *likes]) == READERS


def test_what_is_true_of_it(default_world: World) -> None:
    truth, items = Truth(default_world), np.arange(len(default_world.articles))
    start = default_world.settings.start
    judged = [
        column
        for user in range(0, len(default_world.readers), 10)
        for day in (0, 3, 7)
        for column in (
            *truth.judge(user, items, start + day * DAY, items % 2 == 0),
            truth.examination(user, np.arange(1, 21)),
        )
    ]
    assert digest(judged) == TRUTH


def test_what_its_readers_do_under_the_logging_policy(default_world: World) -> None:
    assert digest(simulate(default_world, LoggingPolicy(default_world))) == EVENTS


def test_there_is_room_between_trending_and_the_oracle_but_not_without_bounds(default_world: World) -> None:
    trending, oracle = (measure(default_world, policy(default_world)) for policy in (TrendingPolicy, OraclePolicy))
    assert 2 < oracle.clicks_per_session / trending.clicks_per_session < 3
