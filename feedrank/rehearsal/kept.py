"""Finished runs in files, so that a rehearsal that was interrupted goes on where it was.

A file is found again by the world and the days, not by the code: it names the commit that made it, and the report says
so. Knows nothing of how a run came about.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.rehearsal.loop import Night, Plan, SeedRun
from feedrank.simulator.settings import WorldSettings
from feedrank.simulator.visits import Visits

_COLUMNS = ("users", "days", "feeds", "clicks")


def path_of(plan: Plan, settings: WorldSettings) -> Path:
    """Where the run of one world is kept."""
    key = hashlib.sha256(repr((asdict(settings), plan.days, plan.encoder)).encode()).hexdigest()[:12]
    return plan.cache / f"run-{settings.seed}-{key}.json"


def save(path: Path, run: SeedRun) -> None:
    """Writes a run whole, or not at all."""
    arms = {
        name: {column: getattr(visits, column).tolist() for column in _COLUMNS} | {"ineligible": visits.ineligible}
        for name, visits in run.arms.items()
    }
    nights = [asdict(night) for night in run.nights]
    body = {
        "seed": run.seed,
        "arms": arms,
        "nights": nights,
        "rank_ms": run.rank_ms,
        "degraded": run.degraded,
        "commit": run.commit,
    }
    part = path.with_suffix(".part")
    part.write_text(json.dumps(body), encoding="utf-8")
    part.replace(path)


def load(path: Path) -> SeedRun:
    """A run that was saved. InvalidInput for a file that is none."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        arms = {
            name: Visits(
                np.array(arm["users"], np.int64),
                np.array(arm["days"], np.int64),
                np.array(arm["feeds"], np.int64),
                np.array(arm["clicks"], np.float64),
                int(arm["ineligible"]),
            )
            for name, arm in body["arms"].items()
        }
        nights = [Night(**night) for night in body["nights"]]
        middle, slow = body["rank_ms"]
        return SeedRun(body["seed"], arms, nights, (middle, slow), body["degraded"], body["commit"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path}: not a kept run of the closed loop; delete it: {error}") from error
