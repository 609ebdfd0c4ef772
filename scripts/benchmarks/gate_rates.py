"""Measures how often the gate errs: equal models called better, and better ones recognised, in worlds of known truth.

Users are unequally active and each has a difference of their own around the true one. What varies is how many there
are. This is what the gate's fewest users rest on.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from feedrank.training.bootstrap import intervals
from feedrank.training.console import console_for, reported_errors, watching, write_json
from feedrank.training.gate.contest import RESAMPLES
from feedrank.types import F64, I64

USERS = (8, 15, 30, 60, 120, 240)
GAINS = (0.0, 1.0, 2.0, 2.8, 4.0)  # of the true difference, in standard errors of its estimate
OF_USER, OF_IMPRESSION = 0.05, 0.1  # spreads, as of paired differences in AUC between retrained models

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    worlds: Annotated[int, typer.Option(min=10, help="Simulated comparisons of each kind.")] = 1_000,
    resamples: Annotated[int, typer.Option(min=100, help="Of each bootstrap.")] = RESAMPLES,
    seed: Annotated[int, typer.Option(help="Of the first world.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the rates here.", dir_okay=False)] = None,
) -> None:
    """Print the share of worlds in which the interval of the difference lies above 0, by users and true gain."""
    with reported_errors():
        console = console_for(json_file)
        rows = []
        with watching() as watch:
            progress = watch("comparing", worlds * len(USERS))
            for users in USERS:
                above, effective = np.zeros(len(GAINS)), 0.0
                for k in range(worlds):
                    noise, user, error = _world(users, seed + k)
                    visits = np.bincount(user).astype(np.float64)
                    effective += visits.sum() ** 2 / (visits**2).sum() / worlds
                    gained = noise[:, None] + error * np.array(GAINS)
                    above += [interval.low > 0 for interval in intervals(gained, user, k, resamples)]
                    progress(1)
                rows.append((users, effective, (above / worlds).tolist()))
        table = Table("users", "effective", *(f"gain {gain:g} SE" for gain in GAINS))
        for users, effective, rates in rows:
            table.add_row(str(users), f"{effective:.0f}", *(f"{rate:.3f}" for rate in rates))
        console.print(table)
        write_json(
            json_file,
            {"worlds": worlds, "gains": GAINS, "rates": [{"users": u, "effective": e, "above": r} for u, e, r in rows]},
        )


def _world(users: int, seed: int) -> tuple[F64, I64, float]:
    """Differences (r,) of true mean 0, their users (r,), and the standard error of their mean."""
    rng = np.random.default_rng(seed)
    visits = np.maximum(1, np.exp(rng.normal(1.5, 0.8, users))).astype(np.int64)
    user = np.repeat(np.arange(users), visits)
    noise = OF_USER * rng.standard_normal(users)[user] + OF_IMPRESSION * rng.standard_t(4, len(user))
    of_impression = OF_IMPRESSION * np.sqrt(2.0)  # Student's t of 4 degrees has variance 2
    total = OF_USER**2 * (visits.astype(np.float64) ** 2).sum() + of_impression**2 * len(user)
    return noise, user, float(np.sqrt(total) / len(user))


if __name__ == "__main__":
    app()
