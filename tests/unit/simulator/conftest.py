"""One small world and its logs, made once for all tests of the simulator."""

import pytest

from feedrank.simulator import LoggingPolicy, RandomPolicy, Truth, World, WorldSettings, simulate
from feedrank.types import Event


@pytest.fixture(scope="package")
def world() -> World:
    return World.build(WorldSettings(users=250, items=1_500, days=3, seed=11))


@pytest.fixture(scope="package")
def truth(world: World) -> Truth:
    return Truth(world)


@pytest.fixture(scope="package")
def log(world: World) -> list[Event]:
    """What readers did under the logging policy."""
    return list(simulate(world, LoggingPolicy(world)))


@pytest.fixture(scope="package")
def random_log(world: World) -> list[Event]:
    """What readers did when articles stood in random order, so that position says nothing about appeal."""
    return list(simulate(world, RandomPolicy(world)))
