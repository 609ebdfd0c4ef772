"""A news world with known truth: articles, readers and policies to demonstrate and test a ranker on.

    world = World.build(WorldSettings(users=400, items=2_000, days=7, seed=7))
    for event in simulate(world, LoggingPolicy(world)): ...
    Truth(world).click_probability(user, items, positions, time)

Never imported by what serves.
"""

from feedrank.simulator.clicks import respond, search
from feedrank.simulator.policies import (
    LoggingPolicy,
    NewestPolicy,
    OraclePolicy,
    Policy,
    RandomPolicy,
    TrendingPolicy,
)
from feedrank.simulator.settings import WorldSettings
from feedrank.simulator.simulate import simulate
from feedrank.simulator.truth import Truth
from feedrank.simulator.world import World
from feedrank.simulator.write import WrittenWorld, write_world

__all__ = [
    "LoggingPolicy",
    "NewestPolicy",
    "OraclePolicy",
    "Policy",
    "RandomPolicy",
    "TrendingPolicy",
    "Truth",
    "World",
    "WorldSettings",
    "WrittenWorld",
    "respond",
    "search",
    "simulate",
    "write_world",
]
