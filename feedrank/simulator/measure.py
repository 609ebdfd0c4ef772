"""What policies achieve in a world: clicks per session, and what that leaves for a ranker to win.

Knows nothing of terminals.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from feedrank.simulator.policies import LoggingPolicy, NewestPolicy, OraclePolicy, Policy, RandomPolicy, TrendingPolicy
from feedrank.simulator.simulate import simulate
from feedrank.simulator.world import World
from feedrank.types import Action


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts of one run of a world under one policy."""

    sessions: int
    slates: int
    shown: int
    clicks: int
    events: int

    @property
    def clicks_per_session(self) -> float:
        """Clicks by sessions in which something was shown."""
        return self.clicks / max(self.sessions, 1)

    @property
    def click_rate(self) -> float:
        """Clicks by articles shown."""
        return self.clicks / max(self.shown, 1)


def measure(world: World, policy: Policy) -> Outcome:
    """Runs the world under a policy and counts."""
    sessions: set[str] = set()
    slates = shown = clicks = events = 0
    for event in simulate(world, policy):
        events += 1
        if event.action is Action.VIEW:
            sessions.add(event.session_id)
            slates += 1
            shown += len(event.item_ids)
        clicks += event.action is Action.CLICK
    return Outcome(len(sessions), slates, shown, clicks, events)


def standard_policies(world: World) -> Mapping[str, Policy]:
    """The simulator's own policies by name, each at its beginning."""
    return {
        "random": RandomPolicy(world),
        "newest": NewestPolicy(),
        "logging": LoggingPolicy(world),
        "trending": TrendingPolicy(world),
        "oracle": OraclePolicy(world),
    }
