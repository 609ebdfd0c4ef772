"""`python -m feedrank.simulator`: the simulator's policies measured in one world, from random to the oracle.

Knows nothing of how they rank.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from feedrank.simulator.measure import measure, standard_policies
from feedrank.simulator.settings import WorldSettings
from feedrank.simulator.world import World

DEFAULTS = WorldSettings()

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    users: Annotated[int, typer.Option(help="Readers.", min=1)] = DEFAULTS.users,
    items: Annotated[int, typer.Option(help="Articles.", min=1)] = DEFAULTS.items,
    days: Annotated[int, typer.Option(help="Days of reading.", min=1)] = DEFAULTS.days,
    seed: Annotated[int, typer.Option(help="Of the world.", min=0)] = DEFAULTS.seed,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the counts here.", dir_okay=False)] = None,
) -> None:
    """Clicks per session under each policy: what there is to win between trending and the oracle."""
    err = Console(stderr=True)
    with err.status("building the world"):
        world = World.build(WorldSettings(users=users, items=items, days=days, seed=seed))
    outcomes = {}
    for name, policy in standard_policies(world).items():
        with err.status(f"reading under {name}"):
            outcomes[name] = measure(world, policy)
    ratio = outcomes["oracle"].clicks_per_session / outcomes["trending"].clicks_per_session
    table = Table("policy", "sessions", "slates", "clicks", "clicks/session", "click rate")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, o in outcomes.items():
        counts = (f"{o.sessions:,}", f"{o.slates:,}", f"{o.clicks:,}", f"{o.clicks_per_session:.3f}")
        table.add_row(name, *counts, f"{o.click_rate:.4f}")
    console = Console()
    console.print(table)
    console.print(f"oracle / trending: {ratio:.2f}")
    if json_file is not None:
        report = {"oracle_over_trending": ratio, "policies": {name: asdict(o) for name, o in outcomes.items()}}
        json_file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    app(prog_name="python -m feedrank.simulator")
