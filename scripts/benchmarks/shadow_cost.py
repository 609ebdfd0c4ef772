"""Measures what a challenger in the shadow costs live requests: p99 of Rank with it and without, in turns.

One served feedrank with a challenger. Which requests it samples follows from their ids, so blocks of calls that it
samples as usual alternate, every second or so, with blocks of the same calls under ids that it does not: both ways see
the same machine, index and users, and whatever else the machine does falls on both. Ends within four minutes on a quiet
machine of two cores: most of it is 4,300 calls at 25 a second. The world is that of rank_latency.py. Knows nothing of
ranking.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rank_latency import make_model, make_world
from rich.console import Console
from rich.progress import track
from rich.table import Table

from feedrank.client import Client, RankCall
from feedrank.experiments.hashing import BUCKETS
from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.registry.golden import synthetic_rows
from feedrank.serving.ranking import seed_of

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

WITHIN = 1.15  # what the shadow may cost the p99
BLOCK = 20  # calls of one way before the other's turn
WARM = 40  # calls a way before the first round
CALLERS = 2
PATIENCE_S = 30.0  # a stall of a busy machine is a figure, not an end


@app.command()
def main(
    items: Annotated[int, typer.Option(min=100, help="Items in the catalog.")] = 10_000,
    users: Annotated[int, typer.Option(min=1, help="Users with histories.")] = 300,
    dimensions: Annotated[int, typer.Option(min=2, help="Of each vector.")] = 384,
    trees: Annotated[int, typer.Option(min=1, help="Of both models.")] = 300,
    percent: Annotated[float, typer.Option(min=0.01, max=99, help="Of requests the challenger samples.")] = 10.0,
    rate: Annotated[float, typer.Option(min=0.1, help="Calls a second, at most.")] = 25.0,
    calls: Annotated[int, typer.Option(min=BLOCK, help="Rank calls a round and way, in whole blocks of 20.")] = 300,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, each of both ways in turns.")] = 7,
    seed: Annotated[int, typer.Option(help="Of the world.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here, for machines.")] = None,
) -> None:
    """Serve with one worker, and compare the p99 of calls with the shadow and without, in turns."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="feedrank-bench-") as folder:
        data_dir, models = Path(folder) / "data", Path(folder) / "models"
        with console.status("making the world"):
            make_world(data_dir, items, users, dimensions, seed)
            make_model(models, trees, seed)
            challenger = twin_of_champion(Registry(models, fingerprint_of))
        shadow = f'[[shadow]]\nname = "challenger"\nmodel = "{challenger}"\npercent = {percent}\n'
        (data_dir / "experiments.toml").write_text(shadow, encoding="utf-8")
        command = [sys.executable, "-m", "feedrank", "serve", "--data-dir", str(data_dir), "--models-dir", str(models)]
        options = ["--port", "0", "--no-indexer", "--log-level", "error"]
        server = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            target = server.stdout.readline().split()[-1]
            with Client(target, connections=CALLERS) as client:
                client.wait_until_serving()
                figures = compare(client, percent, users, calls, rounds, rate)
        finally:
            server.terminate()
            server.wait(30)
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value))
    console.print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def twin_of_champion(registry: Registry) -> str:
    """The champion's trees under another name: to score with them costs what it costs the champion."""
    champion = registry.load("champion")
    features, space = champion.manifest.feature_names, champion.manifest.space
    return registry.publish("challenger", champion.model_text, features, space, synthetic_rows(len(features)))


def compare(
    client: Client, percent: float, users: int, calls: int, rounds: int, rate: float
) -> dict[str, float | int | str | bool]:
    """Medians over rounds of both ways' percentiles in milliseconds, and of the ratio within each round."""
    load = os.getloadavg()[0]
    one_round(client, percent, users, WARM, rate, 0)
    took = [
        one_round(client, percent, users, calls, rate, number)
        for number in track(range(1, rounds + 1), "rounds", transient=True)
    ]
    shadow = client.status().shadows[0]
    figures: dict[str, float | int | str | bool] = {}
    ratios: dict[int, float] = {}
    for q in (50, 90, 99):
        off, on = (np.array([np.percentile(r[way], q) for r in took]) for way in (False, True))
        ratios[q] = float(np.median(on / off))
        figures[f"p{q} without, ms"] = float(np.median(off))
        figures[f"p{q} with, ms"] = float(np.median(on))
        figures[f"p{q} ratio, median of rounds"] = ratios[q]
        figures[f"p{q} ratio, range"] = f"{(on / off).min():.3f} to {(on / off).max():.3f}"
    pooled = {way: float(np.percentile(np.concatenate([r[way] for r in took]), 99)) for way in (False, True)}
    return {
        **figures,
        "p99 ratio, all calls": pooled[True] / pooled[False],
        "within 1.15": ratios[99] <= WITHIN,
        "compared": shadow.compared,
        "dropped": shadow.dropped,
        "shadow ms a request": shadow.milliseconds,
        "overlap@10": shadow.overlap_at_10,
        "kendall tau": shadow.kendall_tau,
        "calls a way": len(took[0][True]) * rounds,
        "cores": os.cpu_count() or 0,
        "load average before, after": f"{load:.1f}, {os.getloadavg()[0]:.1f}",
    }


def one_round(
    client: Client, percent: float, users: int, calls: int, rate: float, number: int
) -> dict[bool, np.ndarray]:
    """Milliseconds of `calls` calls each way, sent when due or, on a machine that is behind, as soon as one ended.

    Blocks of `BLOCK` calls alternate: of ids as they come, a share of which the challenger samples, and of ids that it
    does not. Two blocks ask for the same users' feeds; which of the two comes first alternates as well.
    """
    block, place = np.divmod(np.arange(2 * (calls // BLOCK) * BLOCK), BLOCK)
    pair = block // 2
    shadowed = (block + pair + number) % 2 == 0
    asking = (number * calls + pair * BLOCK + place) % users
    latencies = np.zeros(len(shadowed))
    ids = [request_id(f"{number}-{k}", percent, bool(on)) for k, on in enumerate(shadowed)]
    begun = time.perf_counter() + 0.1

    def ask(first: int) -> None:
        for k in range(first, len(ids), CALLERS):
            due = begun + k / rate
            time.sleep(max(due - time.perf_counter(), 0.0))
            sent = time.perf_counter()
            client.rank(RankCall(user_id=f"u{asking[k]}", request_id=ids[k]), timeout_s=PATIENCE_S)
            latencies[k] = (time.perf_counter() - sent) * 1e3

    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(ask, range(CALLERS)))
    return {way: latencies[shadowed == way] for way in (False, True)}


def request_id(name: str, percent: float, shadowed: bool) -> str:
    """An id as it comes, or the next one that the challenger does not sample."""
    suffix = 0
    while not shadowed and seed_of(f"{name}-{suffix}") % BUCKETS < round(percent * BUCKETS / 100.0):
        suffix += 1
    return f"{name}-{suffix}"


if __name__ == "__main__":
    app()
