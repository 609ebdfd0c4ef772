"""What every benchmark tells beside its figures: spreads over rounds, facts of the machine, one way to print and write.

Knows nothing of what is measured.
"""

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from worlds import CACHE

from feedrank.kernels import INSTRUCTIONS
from feedrank.training.train import git_commit

LIBRARIES = ("faiss-cpu", "grpcio", "lightgbm", "numpy", "protobuf")

# Options that benchmarks have in common.
Items = Annotated[int, typer.Option(min=500, help="Items in the catalog.")]
Users = Annotated[int, typer.Option(min=10, help="Users with histories; some 50 events each.")]
Cache = Annotated[Path, typer.Option(help="Where worlds are kept.", file_okay=False)]
Rounds = Annotated[int, typer.Option(min=1, help="Rounds, for medians and ranges.")]
Seconds = Annotated[float, typer.Option(min=0.5, help="Seconds of each measurement.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the figures here, for machines.", dir_okay=False)]

err = Console(stderr=True)

__all__ = ["CACHE", "Cache", "Items", "JsonFile", "Machine", "Rounds", "Seconds", "Users", "err", "publish", "spread"]


class Machine:
    """What figures hang on: the machine, how busy it was before and after, and versions."""

    def __init__(self) -> None:
        self._before = os.getloadavg()[0]

    def facts(self) -> dict[str, Any]:
        """By name, for machines."""
        return {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "kernel": platform.release(),
            "python": platform.python_version(),
            "libraries": {name: version(name) for name in LIBRARIES},
            "kernels": INSTRUCTIONS,
            "commit": git_commit(),
            "load_before": round(self._before, 2),
            "load_after": round(os.getloadavg()[0], 2),
        }


def _cpu() -> str:
    """The processor's name, where /proc tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def spread(values: Iterable[float | None]) -> dict[str, float | int | None]:
    """Median and range of what rounds gave; rounds that gave nothing are left out and counted."""
    given = list(values)
    known = np.array([v for v in given if v is not None and np.isfinite(v)])
    if not len(known):
        return {"median": None, "min": None, "max": None, "rounds": 0}
    return {
        "median": float(np.median(known)),
        "min": float(known.min()),
        "max": float(known.max()),
        "rounds": len(known),
    }


def publish(
    title: str,
    figures: Mapping[str, Any],
    machine: Machine,
    json_file: Path | None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Prints the figures, spreads as median and range, and writes them with the machine's facts and all details."""
    facts = machine.facts()
    table = Table("figure", "median", "range", title=title)
    for name, value in figures.items():
        if isinstance(value, Mapping) and "median" in value:
            table.add_row(name, shown(value["median"]), f"{shown(value['min'])} to {shown(value['max'])}")
        else:
            table.add_row(name, shown(value), "")
    Console().print(table)
    busy = f"load {facts['load_before']} before, {facts['load_after']} after"
    Console().print(f"{facts['cpu']}, {facts['cores']} cores, {busy}", highlight=False)
    if json_file is not None:
        document = {"title": title, "figures": figures, "machine": facts, **(details or {})}
        json_file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def shown(value: Any) -> str:
    """A figure for people."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(shown(v) for v in value)
    return str(value)
