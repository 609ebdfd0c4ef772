"""Measures how one Rank, a worker's memory and a start grow with items, users, events, candidates and trees.

    .venv/bin/python scripts/benchmarks/growth.py --json docs/figures/growth.json --plot docs/figures/growth.svg

Three sizes each, all else at its base; the sizes of an axis are measured in turns, round by round. An axis measured
alone (--axis) joins what the JSON file holds of the others, and the plot shows all. Exponents say how a figure grows
with its size: 0 not at all, 1 in proportion. Knows nothing of what makes anything grow.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import bench
import numpy as np
import typer
import worlds
from rich.progress import track
from startup import one_start
from worlds import World, WorldSpec

from feedrank.loadtest.chart import Chart, Line, svg
from feedrank.settings import Settings

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

FIGURES = {  # as `one_start` names them: how the plot does
    "ms of a Rank, p50": "one Rank, p50, ms",
    "MiB of a worker after ranking": "a worker, MiB",
    "s to SERVING": "start to SERVING, s",
}


class Axis(StrEnum):
    """What grows."""

    ITEMS = "items"
    USERS = "users"
    EVENTS = "events"  # a user; as many users
    CANDIDATES = "candidates"
    TREES = "trees"


@dataclass(frozen=True, slots=True)
class Setup:
    """One size of everything."""

    world: WorldSpec = field(default_factory=WorldSpec)
    candidates: int = 500
    trees: int = worlds.TREES

    def environment(self) -> dict[str, str]:
        """Settings of the service: candidates, with every source's quota in proportion, and the ranker's alias."""
        settings = Settings()
        share = self.candidates / settings.candidates
        quotas = {name: max(1, round(value * share)) for name, value in settings.quotas.model_dump().items()}
        named = {f"FEEDRANK_QUOTAS__{name.upper()}": str(value) for name, value in quotas.items()}
        return {**named, "FEEDRANK_CANDIDATES": str(self.candidates), "FEEDRANK_CHAMPION": alias_of(self.trees)}


def alias_of(trees: int) -> str:
    """The registry alias of a ranker of this size."""
    return worlds.CHAMPION if trees == worlds.TREES else f"trees-{trees}"


def setups(axis: Axis, base: Setup, shrink: int = 1) -> list[Setup]:
    """The three sizes of an axis; items and users divided by `shrink`."""
    world = base.world
    if axis is Axis.ITEMS:
        return [replace(base, world=replace(world, items=n // shrink)) for n in (10_000, 100_000, 1_000_000)]
    if axis is Axis.USERS:
        return [replace(base, world=replace(world, users=n // shrink)) for n in (1_000, 10_000, 100_000)]
    if axis is Axis.EVENTS:
        users = 10_000 // shrink
        return [replace(base, world=replace(world, users=users, mean_actions=n)) for n in (8.0, 25.0, 100.0)]
    if axis is Axis.CANDIDATES:
        return [replace(base, candidates=n) for n in (100, 500, 2_000)]
    return [replace(base, trees=n) for n in (100, 300, 1_000)]


def size_of(axis: Axis, setup: Setup, events: int) -> float:
    """Where a size stands on its axis."""
    sizes = {
        Axis.ITEMS: setup.world.items,
        Axis.USERS: setup.world.users,
        Axis.EVENTS: events,
        Axis.CANDIDATES: setup.candidates,
        Axis.TREES: setup.trees,
    }
    return float(sizes[axis])


@app.command()
def main(
    axis: Annotated[list[Axis] | None, typer.Option(help="Only this one; repeat it for several.")] = None,
    rounds: bench.Rounds = 3,
    calls: Annotated[int, typer.Option(min=10, help="Rank calls a start.")] = 300,
    shrink: Annotated[int, typer.Option(min=1, help="Divide items and users by this, for a quick look.")] = 1,
    cache: bench.Cache = bench.CACHE,
    json_file: bench.JsonFile = None,
    plot: Annotated[Path | None, typer.Option(help="Draw all axes here, as SVG.", dir_okay=False)] = None,
) -> None:
    """Medians and ranges over starts, and the exponent by which each figure grows."""
    machine = bench.Machine()
    base = Setup(WorldSpec(items=max(10_000 // shrink, 500), users=max(100_000 // shrink, 100)))
    measured: dict[str, Any] = {}
    if json_file is not None and json_file.is_file():
        measured = json.loads(json_file.read_text(encoding="utf-8"))["axes"]
    wanted = axis or list(Axis)
    for one in wanted:
        measured[one] = measure(one, setups(one, base, shrink), rounds, calls, cache)
    figures = {f"{one}: {name}": shown(measured[one], name) for one in wanted for name in FIGURES}
    bench.publish("growth", figures, machine, json_file, {"axes": measured})
    if plot is not None:
        plot.write_text(drawn(measured), encoding="utf-8")


def measure(axis: Axis, sizes: Sequence[Setup], rounds: int, calls: int, cache: Path) -> dict[str, Any]:
    """Spreads of all figures at each size, and their exponents."""
    with ExitStack() as stack:
        copies: dict[WorldSpec, World] = {}
        for spec in dict.fromkeys(setup.world for setup in sizes):
            copies[spec] = stack.enter_context(worlds.copied(worlds.ready(spec, cache)))
        for setup in sizes:
            if setup.trees != worlds.TREES:
                world = copies[setup.world]
                world.registry().set_alias(alias_of(setup.trees), world.ranker(setup.trees), "benchmark")
        rows: list[list[dict[str, float]]] = [[] for _ in sizes]
        turns = [k for _ in range(rounds + 1) for k in range(len(sizes))]
        for number, k in enumerate(track(turns, axis, console=bench.err)):
            row = one_start(copies[sizes[k].world], 1, calls, extra=sizes[k].environment())
            if number >= len(sizes):  # the first start of each leaves its snapshot
                rows[k].append(row)
        at = [size_of(axis, setup, copies[setup.world].events) for setup in sizes]
    spreads = {name: [bench.spread(row[name] for row in of) for of in rows] for name in FIGURES}
    exponents = {name: exponent(at, [s["median"] for s in spreads[name]]) for name in FIGURES}
    return {"sizes": at, "figures": spreads, "exponents": exponents}


def exponent(sizes: Sequence[float], values: Sequence[float | None]) -> float | None:
    """The least-squares slope of log value on log size; None where a value is missing or not positive."""
    known = [value for value in values if value is not None and value > 0]
    if len(known) != len(sizes) or len(set(sizes)) < 2:
        return None
    slope, _ = np.polyfit(np.log(sizes), np.log(known), 1)
    return float(slope)


def shown(measured: Mapping[str, Any], name: str) -> str:
    """One figure over its axis, for people."""
    pairs = zip(measured["sizes"], measured["figures"][name], strict=True)
    values = "; ".join(f"{bench.shown(spread['median'])} at {size:,.0f}" for size, spread in pairs)
    grown = measured["exponents"][name]
    return values if grown is None else f"{values} (exponent {grown:.2f})"


def drawn(measured: Mapping[str, Any]) -> str:
    """A row of charts an axis."""
    charts = []
    for axis in (one for one in Axis if one in measured):
        found = measured[axis]
        for name, title in FIGURES.items():
            spreads = found["figures"][name]
            low, high = ([s[end] for s in spreads] for end in ("min", "max"))
            line = Line(axis, found["sizes"], [s["median"] for s in spreads], low, high)
            charts.append(Chart(title, axis, "", [line], log_x=True))
    return svg(charts, columns=len(FIGURES))


if __name__ == "__main__":
    app()
