"""Loads a served feedrank with Rank calls at a fixed arrival rate, and reports latency from when each was due.

Open loop: calls are sent when they are due, whether or not earlier ones were answered, and a late start counts as
latency, so a stalled server cannot hide its stalls (no coordinated omission). Knows nothing of what is ranked.
"""

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from feedrank.client import Client, FeedRankError, RankCall

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

IN_FLIGHT = 256  # calls under way at once; beyond it the load generator, not the service, is the limit
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


@app.command()
def main(
    target: Annotated[str, typer.Option(help="HOST:PORT of the service.")],
    rate: Annotated[float, typer.Option(min=0.1, help="Calls a second.")],
    seconds: Annotated[float, typer.Option(min=0.1, help="How long.")],
    users: Annotated[
        Path | None,
        typer.Option(help="User ids, one a line, to draw from; else unknown ones.", exists=True, dir_okay=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Items a feed.")] = 20,
    seed: Annotated[int, typer.Option(help="Of the users drawn.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here, for machines.")] = None,
) -> None:
    """Send Rank calls at a fixed rate and report latency percentiles, throughput and errors. Calls leave no slates."""
    ids = users.read_text(encoding="utf-8").split() if users else [f"load-{k}" for k in range(1_000)]
    if not ids:
        Console(stderr=True).print(f"error: {users} holds no user id", markup=False)
        raise typer.Exit(2)
    figures = run(target, rate, seconds, ids, limit, seed)
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.2f}" if isinstance(value, float) else str(value))
    Console().print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if not figures["answered"]:
        raise typer.Exit(1)


def run(
    target: str, rate: float, seconds: float, ids: list[str], limit: int, seed: int
) -> dict[str, float | int | str]:
    """Figures of one run: calls, answered, errors by kind, rate achieved, latency percentiles in milliseconds."""
    drawn = np.random.default_rng(seed).choice(ids, size=int(rate * seconds))
    latencies: list[float] = []
    faults: Counter[str] = Counter()
    lock = threading.Lock()

    with Client(target) as client, ThreadPoolExecutor(IN_FLIGHT) as pool:
        client.wait_until_serving()

        def one(user_id: str, due: float) -> None:
            try:
                client.rank(RankCall(user_id=user_id, limit=limit, dry_run=True))
            except FeedRankError as error:
                with lock:
                    faults[type(error).__name__] += 1
                return
            with lock:
                latencies.append(time.perf_counter() - due)

        begun = time.perf_counter()
        for k, user_id in enumerate(track(drawn.tolist(), "calling", transient=True)):
            due = begun + k / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            pool.submit(one, user_id, due)
        pool.shutdown(wait=True)
        took = time.perf_counter() - begun
    figures: dict[str, float | int | str] = {
        "calls": len(drawn),
        "answered": len(latencies),
        "answered/s": len(latencies) / took,
    }
    if latencies:
        values = np.percentile(np.array(latencies) * 1e3, PERCENTILES)
        figures |= {f"p{p:g} ms": float(value) for p, value in zip(PERCENTILES, values, strict=True)}
        figures["max ms"] = max(latencies) * 1e3
    return figures | {f"failed: {name}": count for name, count in sorted(faults.items())}


if __name__ == "__main__":
    app()
