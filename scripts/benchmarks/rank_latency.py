"""Measures one Rank at a time against a real served feedrank: 500 candidates, all features, a trained model, slates.

    .venv/bin/python scripts/benchmarks/rank_latency.py --items 10000

Knows nothing of load (see load_test.py and versus_naive.py).
"""

import time
import urllib.request
from collections.abc import Sequence
from typing import Annotated, Any

import bench
import numpy as np
import servers
import typer
import worlds
from prometheus_client.parser import text_string_to_metric_families
from rich.progress import track

from feedrank.client import Client, RankCall

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    items: bench.Items = 10_000,
    users: bench.Users = 100_000,
    trees: Annotated[int, typer.Option(min=1, help="Of the model.")] = worlds.TREES,
    calls: Annotated[int, typer.Option(min=10, help="Rank calls a round.")] = 300,
    rounds: bench.Rounds = 5,
    cache: bench.Cache = bench.CACHE,
    json_file: bench.JsonFile = None,
) -> None:
    """Serve a world with one worker, and time single Rank calls, one after another, from another process."""
    machine = bench.Machine()
    world = worlds.ready(worlds.WorldSpec(items, users), cache)
    with worlds.copied(world) as copy:
        if trees != worlds.TREES:
            copy.registry().set_alias(worlds.CHAMPION, copy.ranker(trees), "benchmark")
        metrics_port = servers.free_port()
        with servers.served(copy, metrics_port=metrics_port) as server:
            figures = measure(server.target, copy.users(), calls, rounds) | stages(metrics_port)
    details = {"items": items, "users": users, "trees": trees, "calls": calls * rounds}
    bench.publish(f"one Rank at a time, {items:,} items, {trees} trees", figures, machine, json_file, details)


def measure(target: str, users: Sequence[str], calls: int, rounds: int) -> dict[str, Any]:
    """Latency of single calls in milliseconds: percentiles of each round, their medians and ranges."""
    drawn = np.random.default_rng(0).choice(users, 30 + calls * rounds).tolist()
    percentiles: dict[int, list[float]] = {50: [], 99: []}
    with Client(target, connections=1) as client:
        client.wait_until_serving()
        for user in drawn[:30]:
            client.rank(RankCall(user_id=user, dry_run=True))
        for number in track(range(rounds), "rounds", console=bench.err):
            took = []
            for user in drawn[30 + number * calls : 30 + (number + 1) * calls]:
                started = time.perf_counter()
                client.rank(RankCall(user_id=user))
                took.append((time.perf_counter() - started) * 1e3)
            for q, found in percentiles.items():
                found.append(float(np.percentile(took, q)))
    return {f"p{q} ms": bench.spread(found) for q, found in percentiles.items()}


def stages(metrics_port: int) -> dict[str, Any]:
    """Mean milliseconds of each stage and source over all calls, from the service's own metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics") as page:
        samples = {
            s.name + str(s.labels): s for f in text_string_to_metric_families(page.read().decode()) for s in f.samples
        }
    out: dict[str, Any] = {}
    for kind in ("stage", "source"):
        for sample in samples.values():
            if sample.name == f"feedrank_{kind}_seconds_sum":
                count = samples[f"feedrank_{kind}_seconds_count{sample.labels}"].value
                out[f"{kind} {sample.labels[kind]} ms"] = sample.value / count * 1e3
    return out


if __name__ == "__main__":
    app()
