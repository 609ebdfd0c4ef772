"""Measures scoring alone: the scorer a registry's model gets, beside LightGBM's own `predict`, one thread each.

    .venv/bin/python scripts/benchmarks/scoring.py

Real feature rows of the world's users, the model of 300 trees, blocks of both in turns. Each gets rows as it likes
them: the scorer column by column, as they are computed, LightGBM row by row. Scores must agree. Knows nothing of the
rest of a request.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any

import bench
import lightgbm
import numpy as np
import typer
import worlds

from feedrank.serving.models import load_model
from feedrank.settings import Settings
from feedrank.types import F32

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

BLOCK = 20  # calls of one way before the other's turn
BATCHES = 16  # sets of rows, so that no call meets the one before it in the caches alone


@app.command()
def main(
    items: bench.Items = 10_000,
    users: bench.Users = 100_000,
    rows: Annotated[int, typer.Option(min=1, help="Candidates of one call.")] = 500,
    trees: Annotated[int, typer.Option(min=1, help="Of the model.")] = worlds.TREES,
    rounds: bench.Rounds = 15,
    cache: bench.Cache = bench.CACHE,
    json_file: bench.JsonFile = None,
) -> None:
    """Milliseconds of one call each way, their ratio, and how far scores differ. Exit 1 where they do."""
    machine = bench.Machine()
    world = worlds.ready(worlds.WorldSpec(items, users), cache)
    with worlds.copied(world, data=False) as copy:
        registry = copy.registry()
        reference = worlds.CHAMPION if trees == worlds.TREES else copy.ranker(trees)
        scorer = load_model(registry, reference, Settings()).scorer
        booster = lightgbm.Booster(model_str=registry.load(reference).model_text)
    batches = drawn(world.rows(), rows)
    columns = [np.asfortranarray(batch) for batch in batches]

    def ours(batch: F32) -> Any:
        return scorer.score(batch)["margin"]

    def theirs(batch: F32) -> Any:
        return booster.predict(batch, raw_score=True, num_threads=1)

    apart = max(float(np.abs(ours(mine) - theirs(batch)).max()) for mine, batch in zip(columns, batches, strict=True))
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        times["theirs"].append(block(theirs, batches))
        times["ours"].append(block(ours, columns))
    figures = {
        "feedrank's scorer, ms": bench.spread(times["ours"]),
        "LightGBM predict(num_threads=1), ms": bench.spread(times["theirs"]),
        "times as fast": bench.spread(b / a for a, b in zip(times["ours"], times["theirs"], strict=True)),
        "largest difference of scores": apart,
        "identical to the bit": apart == 0.0,
    }
    details = {"rows": rows, "trees": trees, "scorer": type(scorer).__name__, "times": times}
    bench.publish(f"scoring {rows} rows with {trees} trees", figures, machine, json_file, details)
    if apart > 1e-9:
        raise typer.Exit(1)


def drawn(rows: F32, count: int) -> list[F32]:
    """BATCHES draws of `count` rows, with replacement only where there are fewer."""
    rng = np.random.default_rng(5)
    return [np.ascontiguousarray(rows[rng.choice(len(rows), count, replace=count > len(rows))]) for _ in range(BATCHES)]


def block(score: Callable[[F32], Any], batches: list[F32]) -> float:
    """Median milliseconds of BLOCK calls, each with the next batch."""
    took = []
    for k in range(BLOCK):
        started = time.perf_counter()
        score(batches[k % len(batches)])
        took.append((time.perf_counter() - started) * 1e3)
    return float(np.median(took))


if __name__ == "__main__":
    app()
