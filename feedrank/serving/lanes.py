"""Lanes: the ways one view can rank. Everything a pipeline is wired of is pinned here; a lane is wired on demand.

Wiring takes some 60 microseconds, so lanes of experiments are made for the request that needs one and kept by nobody:
however many experiments combine, a view holds one lane and the models. Knows nothing of how requests come by variants.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from feedrank import recipes
from feedrank.experiments.variables import Change, overlaid
from feedrank.index.index_view import IndexView
from feedrank.pipeline.executor import Observe, Pipeline
from feedrank.pipeline.lists import SharedLists
from feedrank.pipeline.rules import Ruleset
from feedrank.pipeline.scorers import PairScorer
from feedrank.pipeline.stages import Scorer
from feedrank.serving.live import Live
from feedrank.settings import DataSettings, Settings
from feedrank.store import LogStore

PRIOR = "prior"
HURRIED_SHARE = 0.3  # of the usual candidates, when many calls wait; a judgement


@dataclass(frozen=True, slots=True)
class Model:
    """A scorer under its version. `space` is the vector space it was trained on, "" for whichever is fullest."""

    version: str  # NAME@VERSION, or "prior"
    scorer: Scorer
    space: str
    features: tuple[str, ...]
    counter_delay_s: float = 0.0

    def shares_space(self, other: "Model") -> bool:
        """Whether both can score the same gathered columns."""
        return self.space == other.space or "" in (self.space, other.space)


@dataclass(frozen=True, slots=True)
class Lane:
    """One way to rank: a pipeline, and what a slate keeps of it."""

    model: Model
    pipeline: Pipeline
    recipe_hash: bytes


@dataclass(frozen=True, slots=True)
class Wiring:
    """What every lane of one view is wired of: pinned, but for counters."""

    settings: Settings
    data: DataSettings
    store: LogStore
    live: Live
    indices: Mapping[str, IndexView]  # by space, as of the view
    fullest_space: str
    lists: SharedLists
    rules: Ruleset
    observe: Observe

    def lane(
        self,
        model: Model,
        changes: tuple[Change, ...] = (),
        rival: Model | None = None,
        team_names: tuple[str, ...] = (),
        hurried: bool = False,
    ) -> Lane:
        """The lane of a model under changed settings; with a rival, both draft each feed under these names."""
        settings = overlaid(self.settings, changes) if changes else self.settings
        settings = _hurried(settings) if hurried else settings
        space = model.space or (rival.space if rival is not None else "") or self.fullest_space
        parts = recipes.Parts(
            self.store,
            self.live.state,
            self.live.lock,
            self.indices.get(space),
            self.lists,
            self.rules,
            model.scorer if rival is None else PairScorer(model.scorer, rival.scorer),
            space,
            self.observe,
            team_names,
        )
        return Lane(model, recipes.feed(settings, self.data, parts), recipes.recipe_hash(settings, self.data))


def _hurried(settings: Settings) -> Settings:
    """The same settings with HURRIED_SHARE of the candidates, of each source and in all."""
    quotas = {name: math.ceil(HURRIED_SHARE * quota) for name, quota in settings.quotas}
    fewer = math.ceil(HURRIED_SHARE * settings.candidates)
    return settings.model_copy(update={"candidates": fewer, "quotas": settings.quotas.model_copy(update=quotas)})
