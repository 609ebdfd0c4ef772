"""Measures what a challenger in the shadow costs live requests: p99 of Rank with it and without, in turns.

One served feedrank; `experiments.toml` puts the challenger into the shadow and takes it out again between rounds, so
that both ways see the same machine, index and users. The world is that of rank_latency.py. Knows nothing of ranking.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rank_latency import make_model, make_world
from rich.console import Console
from rich.table import Table

from feedrank.client import Client, RankCall
from feedrank.features import fingerprint_of
from feedrank.registry import Registry

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

WITHIN = 1.15  # what the shadow may cost the p99
PATIENCE_S = 30.0  # a stall of a busy machine is a figure, not an end


@app.command()
def main(
    items: Annotated[int, typer.Option(min=100, help="Items in the catalog.")] = 10_000,
    users: Annotated[int, typer.Option(min=1, help="Users with histories.")] = 300,
    dimensions: Annotated[int, typer.Option(min=2, help="Of each vector.")] = 384,
    trees: Annotated[int, typer.Option(min=1, help="Of both models.")] = 300,
    percent: Annotated[float, typer.Option(min=0.01, max=100, help="Of requests the challenger samples.")] = 10.0,
    rate: Annotated[float, typer.Option(min=0.1, help="Calls a second, sent when due.")] = 20.0,
    calls: Annotated[int, typer.Option(min=10, help="Rank calls a round and way.")] = 500,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of both ways.")] = 7,
    seed: Annotated[int, typer.Option(help="Of the world.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here, for machines.")] = None,
) -> None:
    """Serve with one worker, and compare the p99 of rounds with the shadow on and off, one after the other."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="feedrank-bench-") as folder:
        data_dir, models = Path(folder) / "data", Path(folder) / "models"
        with console.status("making the world"):
            make_world(data_dir, items, users, dimensions, seed)
            make_model(models, trees, seed)
            make_model(models, trees, seed + 1)  # the champion; the first becomes the challenger
        versions = Registry(models, fingerprint_of).versions()
        challenger = next(v.reference for v in versions if not v.aliases)
        on = f'[[shadow]]\nname = "challenger"\nmodel = "{challenger}"\npercent = {percent}\n'
        command = [sys.executable, "-m", "feedrank", "serve", "--data-dir", str(data_dir), "--models-dir", str(models)]
        options = ["--port", "0", "--no-indexer", "--log-level", "error"]
        server = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            target = server.stdout.readline().split()[-1]
            with Client(target, connections=4) as client:
                client.wait_until_serving()
                figures = compare(client, data_dir / "experiments.toml", on, users, calls, rounds, rate)
        finally:
            server.terminate()
            server.wait(30)
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value))
    console.print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def compare(
    client: Client, file: Path, on: str, users: int, calls: int, rounds: int, rate: float
) -> dict[str, float | int | str | bool]:
    """Medians over rounds of both ways' p50 and p99 in milliseconds, and of the ratio of neighbouring rounds."""
    took: dict[bool, list[np.ndarray]] = {False: [], True: []}
    one_round(client, users, 200, rate)  # warm
    for k in range(rounds):
        for shadowed in (k % 2 == 0, k % 2 == 1):  # neither way always comes first
            switch(client, file, on if shadowed else "")
            took[shadowed].append(one_round(client, users, calls, rate))
    switch(client, file, on)
    shadow = client.status().shadows[0]
    figures: dict[str, float | int | str | bool] = {}
    ratios: dict[int, float] = {}
    for q in (50, 99):
        off, with_ = (np.array([np.percentile(r, q) for r in took[way]]) for way in (False, True))
        ratios[q] = float(np.median(with_ / off))
        figures[f"p{q} without, ms"] = float(np.median(off))
        figures[f"p{q} with, ms"] = float(np.median(with_))
        figures[f"p{q} ratio, median of rounds"] = ratios[q]
        figures[f"p{q} ratio, range"] = f"{(with_ / off).min():.3f} to {(with_ / off).max():.3f}"
    pooled = {way: float(np.percentile(np.concatenate(took[way]), 99)) for way in took}
    return {
        **figures,
        "p99 ratio, all calls": pooled[True] / pooled[False],
        "within 1.15": ratios[99] <= WITHIN,
        "compared": shadow.compared,
        "dropped": shadow.dropped,
        "shadow ms a request": shadow.milliseconds,
        "overlap@10": shadow.overlap_at_10,
        "kendall tau": shadow.kendall_tau,
        "calls a way": calls * rounds,
    }


def switch(client: Client, file: Path, text: str) -> None:
    """Writes the file and waits until it rules."""
    file.write_text(text, encoding="utf-8")
    while bool(client.status().shadows) != bool(text):
        time.sleep(0.05)


def one_round(client: Client, users: int, calls: int, rate: float) -> np.ndarray:
    """Milliseconds of each call, from when it was due, so that a stall is not hidden by waiting for it."""
    latencies = np.zeros(calls)
    begun = time.perf_counter() + 0.1

    def ask(first: int, step: int) -> None:
        for k in range(first, calls, step):
            due = begun + k / rate
            time.sleep(max(due - time.perf_counter(), 0.0))
            client.rank(RankCall(user_id=f"u{k % users}"), timeout_s=PATIENCE_S)
            latencies[k] = (time.perf_counter() - due) * 1e3

    threads = [threading.Thread(target=ask, args=(k, 4)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies


if __name__ == "__main__":
    app()
