"""Measures a start: seconds until `serve` is SERVING on a log with its snapshot, and what a worker holds in memory.

    .venv/bin/python scripts/benchmarks/startup.py --items 100000
    .venv/bin/python scripts/benchmarks/startup.py --items 1000000 --rounds 3

Each round starts `feedrank serve`, waits until its health service says SERVING, ranks for a while, so that memory is
that of a worker at work, and stops it in order. The first start is not counted: it writes the snapshot that an ordinary
stop leaves. Files lie in the page cache as after a restart of the service; --cold drops them first, as after one of the
machine. Knows nothing of what a worker does at start.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import bench
import numpy as np
import servers
import typer
import worlds
from rich.progress import track
from worlds import World

from feedrank.client import Client, RankCall

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

WARM_UP = 20  # calls before those that are timed
PATIENCE_S = 30.0  # a slow answer of a busy machine is a figure, not an end


@app.command()
def main(
    items: bench.Items = 100_000,
    users: bench.Users = 100_000,
    workers: Annotated[int, typer.Option(min=1, help="Of feedrank.")] = 1,
    rounds: bench.Rounds = 5,
    calls: Annotated[int, typer.Option(min=1, help="Rank calls before memory is looked at.")] = 300,
    cold: Annotated[bool, typer.Option(help="Drop the world's files from the page cache before each start.")] = False,
    cache: bench.Cache = bench.CACHE,
    json_file: bench.JsonFile = None,
) -> None:
    """Seconds from the command to SERVING, and MiB of the largest worker."""
    machine = bench.Machine()
    world = worlds.ready(worlds.WorldSpec(items, users), cache)
    rows: list[dict[str, float]] = []
    with worlds.copied(world) as copy:
        one_start(copy, workers, calls, cold)
        for _ in track(range(rounds), "starts", console=bench.err):
            rows.append(one_start(copy, workers, calls, cold))
    figures: dict[str, Any] = {name: bench.spread(row[name] for row in rows) for name in rows[0]}
    details = {"items": items, "events": world.events, "workers": workers, "cold": cold}
    bench.publish(f"start with {items:,} items and {world.events:,} events", figures, machine, json_file, details)


def one_start(
    world: World, workers: int, calls: int, cold: bool = False, extra: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Figures of one start of `serve` on a world's own copy, ranked with and stopped in order.

    `extra` joins the environment of the service.
    """
    if cold:
        drop_from_page_cache(world.data_dir)
    users = np.random.default_rng(6).choice(world.users(), WARM_UP + calls).tolist()
    took = []
    started = time.monotonic()
    with servers.served(world, workers=workers, extra=extra) as server, Client(server.target, connections=4) as client:
        client.wait_until_serving()
        serving_s = time.monotonic() - started
        fresh = max((servers.memory_of(pid) for pid in server.workers()), key=lambda m: m.resident)
        for user in users:
            asked = time.perf_counter()
            client.rank(RankCall(user_id=user), timeout_s=PATIENCE_S)
            took.append((time.perf_counter() - asked) * 1e3)
        used = max((servers.memory_of(pid) for pid in server.workers()), key=lambda m: m.resident)
    return {
        "s to SERVING": serving_s,
        "MiB of a worker at SERVING": fresh.resident,
        "MiB of a worker after ranking": used.resident,
        "MiB of it, shared pages by their share": used.proportional,
        "MiB at its peak": used.peak,
        "ms of a Rank, p50": float(np.median(took[WARM_UP:])),
    }


def drop_from_page_cache(folder: Path) -> None:
    """Asks the system to forget the files' pages. Pages still to be written are written first."""
    for file in folder.rglob("*"):
        if file.is_file():
            handle = os.open(file, os.O_RDONLY)
            try:
                os.fsync(handle)
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)


if __name__ == "__main__":
    app()
