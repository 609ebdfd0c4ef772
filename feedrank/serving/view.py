"""What one request sees: models, rules, experiments, shared lists, index views, and the lane wired of them.

Immutable; swapped whole. Knows nothing of threads or of how its parts are refreshed.
"""

from dataclasses import dataclass

from feedrank.pipeline.executor import Pipeline
from feedrank.pipeline.lists import SharedLists
from feedrank.pipeline.rules import NO_RULES, Ruleset, rules_hash
from feedrank.serving.lanes import Lane, Model, Wiring
from feedrank.serving.live import Live
from feedrank.serving.trials import Arm, Trials
from feedrank.types import SECOND, Micros


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules and the hash a slate keeps of them."""

    ruleset: Ruleset = NO_RULES
    hash: bytes = rules_hash("")


@dataclass(frozen=True, slots=True)
class View:
    """Everything a request reads, but for counter columns."""

    live: Live
    rules: Rules
    trials: Trials
    lists: SharedLists
    wiring: Wiring
    lane: Lane  # of whoever takes part in no experiment
    built_at: Micros

    @property
    def model(self) -> Model:
        """The model in force."""
        return self.lane.model

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline in force."""
        return self.lane.pipeline

    def lane_of(self, arm: Arm, hurried: bool = False) -> Lane:
        """The lane of a request with these variants; a hurried one takes fewer candidates."""
        if arm.changes_nothing and not hurried:
            return self.lane
        return self.wiring.lane(arm.model or self.model, arm.changes, arm.rival, arm.team_names, hurried)

    def now(self, clock: Micros) -> Micros:
        """The instant a request is ranked as of, cut to whole seconds here and nowhere else."""
        return (self.lists.built_at if self.lists.idle else clock) // SECOND * SECOND
