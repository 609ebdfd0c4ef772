"""Measures one Rank at a time against a real served feedrank: 10,000 items with vectors, 500 candidates, a trained
model.

The world is noise of a known shape: what is measured is the path, not the ranking. Knows nothing of load (see
load_test.py).
"""

import json
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Annotated

import lightgbm
import numpy as np
import typer
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from feedrank.client import Client, RankCall
from feedrank.features import NAMES, fingerprint_of
from feedrank.registry import Registry
from feedrank.registry.golden import synthetic_rows
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.types import DAY, HOUR, SECOND, Action, Event, Item, ItemId, UserId

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

SPACE = "benchmark"
CATEGORIES = 15


@app.command()
def main(
    items: Annotated[int, typer.Option(min=100, help="Items in the catalog.")] = 10_000,
    users: Annotated[int, typer.Option(min=1, help="Users with histories.")] = 300,
    dimensions: Annotated[int, typer.Option(min=2, help="Of each vector.")] = 384,
    trees: Annotated[int, typer.Option(min=1, help="Of the model.")] = 300,
    calls: Annotated[int, typer.Option(min=10, help="Rank calls a round.")] = 300,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, for the range.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the world.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here, for machines.")] = None,
) -> None:
    """Make the world, serve it with one worker, and time single Rank calls from a client in another process."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="feedrank-bench-") as folder:
        data_dir, models = Path(folder) / "data", Path(folder) / "models"
        with console.status("making the world"):
            make_world(data_dir, items, users, dimensions, seed)
            make_model(models, trees, seed)
        command = [sys.executable, "-m", "feedrank", "serve", "--data-dir", str(data_dir), "--models-dir", str(models)]
        metrics_port = free_port()
        options = ["--port", "0", "--no-indexer", "--log-level", "error", "--metrics-port", str(metrics_port)]
        server = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            target = server.stdout.readline().split()[-1]
            figures = measure(target, users, calls, rounds) | stages(metrics_port)
        finally:
            server.terminate()
            server.wait(30)
    figures |= {"items": items, "trees": trees, "machine": platform.processor() or platform.machine()}
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:.2f}" if isinstance(value, float) else str(value))
    console.print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def make_world(data_dir: Path, items: int, users: int, dimensions: int, seed: int) -> None:
    """Items with unit vectors around category centres; users with 5 to 200 answered slates in three categories."""
    rng = np.random.default_rng(seed)
    now = time.time_ns() // 1_000
    store = SqliteStore.open(data_dir, Settings())
    centres = rng.standard_normal((CATEGORIES, dimensions))
    category = rng.integers(0, CATEGORIES, items)
    vectors = centres[category] + 1.5 * rng.standard_normal((items, dimensions))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    ages = rng.integers(0, 5 * DAY, items)
    catalog = [
        Item(
            ItemId(f"i{k}"),
            title=f"Headline {k}",
            category=f"c{category[k]}",
            subcategory=f"c{category[k]}-{k % 5}",
            source=f"s{k % 40}",
            author=f"a{k % 300}",
            published_at=now - int(ages[k]),
            vectors={SPACE: vectors[k]},
        )
        for k in range(items)
    ]
    for start in range(0, items, 1_000):
        store.append_items(catalog[start : start + 1_000], None)
    events: list[Event] = []
    for u in range(users):
        liked = rng.choice(CATEGORIES, 3, replace=False)
        mine = np.flatnonzero(np.isin(category, liked))
        for n in range(int(rng.integers(5, 200))):
            at = now - int(rng.integers(HOUR, 4 * DAY))
            shown = rng.choice(mine, 10, replace=False)
            user, slate = UserId(f"u{u}"), f"r{u}-{n}"
            ids = tuple(f"i{i}" for i in shown)
            events.append(Event(f"v{u}-{n}", user, at, Action.VIEW, item_ids=ids, request_id=slate))
            events.append(Event(f"c{u}-{n}", user, at + SECOND, Action.CLICK, ids[0], request_id=slate))
    events.sort(key=lambda e: e.time)
    for start in range(0, len(events), 5_000):
        store.append_events(events[start : start + 5_000], None)
    store.close()


def make_model(models: Path, trees: int, seed: int) -> None:
    """A champion of `trees` trees with 31 leaves over all features."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((20_000, len(NAMES))).astype(np.float32)
    labels = (rows[:, 0] + rows[:, 30] + rng.standard_normal(len(rows)) > 1.5).astype(int)
    # One thread: on a busy machine several wait for each other, and take three times as long.
    params = {"objective": "lambdarank", "num_leaves": 31, "verbose": -1, "num_threads": 1, "seed": seed}
    booster = lightgbm.train(params, lightgbm.Dataset(rows, labels, group=[20] * 1_000), num_boost_round=trees)
    golden = synthetic_rows(len(NAMES))
    registry = Registry(models, fingerprint_of)
    scores = np.asarray(booster.predict(golden, raw_score=True))
    registry.set_alias(
        "champion", registry.publish("bench", booster.model_to_string(), NAMES, SPACE, golden, scores), "benchmark"
    )


def measure(target: str, users: int, calls: int, rounds: int) -> dict[str, float | int | str]:
    """Latency of single calls, one after another: medians over rounds and their range, in milliseconds."""
    p50s, p99s = [], []
    with Client(target, connections=1) as client:
        client.wait_until_serving()
        for k in range(30):
            client.rank(RankCall(user_id=f"u{k % users}", dry_run=True))
        for _ in range(rounds):
            took = []
            for k in range(calls):
                started = time.perf_counter()
                client.rank(RankCall(user_id=f"u{k % users}"))
                took.append((time.perf_counter() - started) * 1e3)
            p50s.append(float(np.median(took)))
            p99s.append(float(np.percentile(took, 99)))
    return {
        "p50 ms": float(np.median(p50s)),
        "p50 range": f"{min(p50s):.2f} to {max(p50s):.2f}",
        "p99 ms": float(np.median(p99s)),
        "p99 range": f"{min(p99s):.2f} to {max(p99s):.2f}",
        "calls": calls * rounds,
    }


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def stages(metrics_port: int) -> dict[str, float | int | str]:
    """Mean milliseconds of each stage and source over all calls, from the service's own metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics") as page:
        samples = {
            s.name + str(s.labels): s for f in text_string_to_metric_families(page.read().decode()) for s in f.samples
        }
    out: dict[str, float | int | str] = {}
    for kind in ("stage", "source"):
        for sample in samples.values():
            if sample.name == f"feedrank_{kind}_seconds_sum":
                count = samples[f"feedrank_{kind}_seconds_count{sample.labels}"].value
                out[f"{kind} {sample.labels[kind]} ms"] = sample.value / count * 1e3
    return out


if __name__ == "__main__":
    app()
