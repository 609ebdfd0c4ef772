"""One seed of the closed loop: the service and the simulator's policies live through the same days of the same world.

Knows nothing of intervals or of reports.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from feedrank.rehearsal.service import RehearsedService
from feedrank.rehearsal.vectors import load_vectors
from feedrank.settings import Settings
from feedrank.simulator.measure import standard_policies
from feedrank.simulator.settings import WorldSettings
from feedrank.simulator.visits import PolicyFeeds, Visits, play
from feedrank.simulator.world import World
from feedrank.training.train import git_commit

SERVICE, TRENDING, ORACLE = "service", "trending", "oracle"
FREE = ("trending", "oracle")  # also run without the rule that a feed tells a story once
FREE_SUFFIX = ", any telling"
NEVER_S = 1e9
EVERY_REQUEST_S = 0.001


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run: `days` of each world of `world` with one of `seeds`."""

    seeds: tuple[int, ...]
    days: int
    world: WorldSettings
    encoder: str
    cache: Path  # of vectors and of finished runs


@dataclass(frozen=True, slots=True)
class Night:
    """One retraining."""

    impressions: int
    rows: int
    features: int
    trees: int
    auc: float  # on the last impressions before it; NaN where there were too few to choose by
    seconds: float


@dataclass(frozen=True, slots=True)
class SeedRun:
    """What came of one seed."""

    seed: int
    arms: Mapping[str, Visits]
    nights: Sequence[Night]
    rank_ms: tuple[float, float]  # median and 95th percentile of a Rank call, in-process
    degraded: int  # replies
    commit: str  # of the code that ran


def service_settings(models_dir: Path, encoder: str, world: WorldSettings) -> Settings:
    """The defaults, but for what the world decides and what simulated time makes pointless.

    Readers of two languages ask for both; an article shown three times is gone for its lifetime; shared lists are as
    new as the request; nobody restarts from a snapshot.
    """
    return Settings(
        models_dir=models_dir,
        encoder=encoder,
        filter_language=False,
        seen_views_hours=float(world.lifetime_hours),
        refresh_s=EVERY_REQUEST_S,
        snapshot_s=NEVER_S,
    )


def run_seed(plan: Plan, settings: WorldSettings) -> SeedRun:
    """Runs every policy, then the service from empty, in a folder that is gone afterwards."""
    world = World.build(settings)
    arms = {
        name: play(world, plan.days, PolicyFeeds(world, policy, one_telling=True))
        for name, policy in standard_policies(world).items()
    }
    for name in FREE:
        policy = standard_policies(world)[name]
        arms[name + FREE_SUFFIX] = play(world, plan.days, PolicyFeeds(world, policy, one_telling=False))
    encoder = load_vectors(world, plan.encoder, plan.cache)
    with tempfile.TemporaryDirectory(prefix="feedrank-rehearsal-") as scratch:
        folder = Path(scratch)
        service = RehearsedService(world, folder, service_settings(folder / "models", plan.encoder, settings), encoder)
        try:
            arms[SERVICE] = play(world, plan.days, service)
        finally:
            service.close()
    journal = service.journal
    nights = [
        Night(
            trained.fitted.impressions,
            trained.fitted.rows,
            len(trained.fitted.features),
            trained.fitted.rounds,
            trained.fitted.selection.auc if trained.fitted.selection is not None else float("nan"),
            seconds,
        )
        for trained, seconds in zip(journal.trained, journal.training_s, strict=True)
    ]
    middle, slow = np.quantile(journal.rank_ms, (0.5, 0.95)).tolist()
    return SeedRun(settings.seed, arms, nights, (middle, slow), journal.degraded, git_commit())
