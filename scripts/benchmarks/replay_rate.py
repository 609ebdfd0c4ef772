"""Measures replay for training: point-in-time feature rows of past impressions, a second and core.

    .venv/bin/python scripts/benchmarks/replay_rate.py

Impressions of 12 candidates, each with all features, by one process of one thread. What is counted begins with the log
decoded in memory: folding, histories, gathering and features are in it, reading the file and labels are not, and are
told apart. Every impression of the log is replayed, as shown. Knows nothing of fitting.
"""

import time
from functools import partial
from typing import Annotated, Any

import bench
import typer
import world_log
import worlds
from rich.progress import Progress

from feedrank.features import NAMES
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.training.dataset import View, build
from feedrank.training.period import read_period

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    items: bench.Items = 10_000,
    users: Annotated[int, typer.Option(min=10, help="Some 25 impressions each; all must fit into memory.")] = 1_000,
    rounds: bench.Rounds = 3,
    cache: bench.Cache = bench.CACHE,
    json_file: bench.JsonFile = None,
) -> None:
    """Impressions a second of processor time, and of the clock."""
    machine = bench.Machine()
    world = worlds.ready(worlds.WorldSpec(items, users), cache)
    store = SqliteStore.open(world.data_dir, Settings())
    try:
        started = time.perf_counter()
        with bench.err.status("reading the log"):
            period = read_period(store, space=worlds.SPACE)
        reading_s = time.perf_counter() - started
    finally:
        store.close()
    rows: list[dict[str, float]] = []
    with Progress(console=bench.err) as progress:
        for number in range(rounds):
            task = progress.add_task(f"round {number + 1}", total=len(period.examples))
            clock, cpu = time.perf_counter(), time.process_time()
            made = build(
                period.facts, period.examples, View(space=period.space), NAMES, partial(progress.advance, task)
            )
            took_s, took_cpu_s = time.perf_counter() - clock, time.process_time() - cpu
            speeds = {"impressions/s a core": len(made) / took_cpu_s, "impressions/s by the clock": len(made) / took_s}
            rows.append(speeds)
    figures: dict[str, Any] = {name: bench.spread(row[name] for row in rows) for name in rows[0]}
    figures["records/s read and decoded"] = len(period.facts) / reading_s
    sizes = {"impressions": len(period.examples), "records": len(period.facts), "candidates": world_log.SHOWN}
    bench.publish("replay for training", figures, machine, json_file, sizes | {"features": len(NAMES)})


if __name__ == "__main__":
    app()
