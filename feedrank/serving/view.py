"""What one request sees: a model, rules, shared lists, an index view and the pipeline wired of them. Immutable; swapped
whole.

Knows nothing of threads or of how its parts are refreshed.
"""

from dataclasses import dataclass

from feedrank.pipeline.executor import Pipeline
from feedrank.pipeline.lists import SharedLists
from feedrank.pipeline.rules import NO_RULES, Ruleset, rules_hash
from feedrank.pipeline.stages import Scorer
from feedrank.serving.live import Live
from feedrank.types import SECOND, Micros

PRIOR = "prior"


@dataclass(frozen=True, slots=True)
class Model:
    """A scorer under its version. `space` is the vector space it was trained on, "" for whichever is fullest."""

    version: str  # NAME@VERSION, or "prior"
    scorer: Scorer
    space: str
    features: tuple[str, ...]
    counter_delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules and the hash a slate keeps of them."""

    ruleset: Ruleset = NO_RULES
    hash: bytes = rules_hash("")


@dataclass(frozen=True, slots=True)
class View:
    """Everything a request reads, but for counter columns."""

    live: Live
    model: Model
    rules: Rules
    lists: SharedLists
    pipeline: Pipeline
    recipe_hash: bytes
    built_at: Micros

    def now(self, clock: Micros) -> Micros:
        """The instant a request is ranked as of, cut to whole seconds here and nowhere else."""
        return (self.lists.built_at if self.lists.idle else clock) // SECOND * SECOND
