"""Measures durable ingest through gRPC: how many events a second a filled store takes in batches of 100.

    .venv/bin/python scripts/benchmarks/ingest_rate.py --items 100000

Closed loop: a few callers, each sending its next batch once the last is on disk. Batches are made beforehand, so that
the clients take little of the machine. Two mixes in turns: slates of 12 items viewed, each with its click, and clicks
by themselves. The service folds what it is sent meanwhile, as it does. Knows nothing of Rank.
"""

import asyncio
import time
from typing import Annotated, Any

import bench
import grpc
import numpy as np
import servers
import typer
import worlds
from traffic import BATCH, RECORD, TIMEOUT_S, Traffic

from feedrank.v1 import feedrank_pb2 as pb

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

SLATES, CLICKS = "slates and clicks", "clicks alone"
MIXES = (SLATES, CLICKS)
MADE_FOR = 40_000.0  # events a second: batches are made for no less, so that none is sent twice


@app.command()
def main(
    items: bench.Items = 100_000,
    users: bench.Users = 100_000,
    rounds: bench.Rounds = 5,
    seconds: bench.Seconds = 10.0,
    callers: Annotated[int, typer.Option(min=1, help="Batches under way at once.")] = 8,
    cache: bench.Cache = bench.CACHE,
    json_file: bench.JsonFile = None,
) -> None:
    """Events acknowledged a second, and how long a batch takes."""
    machine = bench.Machine()
    world = worlds.ready(worlds.WorldSpec(items, users), cache, live=True)
    rows: dict[str, list[dict[str, float]]] = {mix: [] for mix in MIXES}
    with worlds.copied(world) as copy, servers.served(copy) as server:
        asyncio.run(sent(server.target, batches(MIXES[0], items, users, 2.0, 0), 2.0, callers))  # warm
        for number in range(rounds):
            for mix in MIXES:
                with bench.err.status(f"round {number + 1}, {mix}"):
                    made = batches(mix, items, users, seconds, number + 1)
                    rows[mix].append(asyncio.run(sent(server.target, made, seconds, callers)))
                bench.err.print(f"round {number + 1}, {mix}: {rows[mix][-1]['events/s']:,.0f} events/s")
    figures: dict[str, Any] = {
        f"{mix}: {name}": bench.spread(row[name] for row in rows[mix]) for mix in MIXES for name in rows[mix][0]
    }
    details = {"events before": world.events, "callers": callers, "batch": BATCH, "items": items, "users": users}
    bench.publish(f"ingest into a store of {world.events:,} events", figures, machine, json_file, details)


def batches(mix: str, items: int, users: int, seconds: float, seed: int) -> list[bytes]:
    """Serialised batches of a mix, more than can be sent."""
    traffic = Traffic(items, users, seed)
    make = traffic.events if mix == SLATES else traffic.clicks
    return [make().SerializeToString() for _ in range(int(MADE_FOR * seconds / BATCH))]


async def sent(target: str, requests: list[bytes], seconds: float, callers: int) -> dict[str, float]:
    """Sends for so long, and sums up. RuntimeError if a batch was not accepted whole."""
    took: list[float] = []
    waiting = iter(requests)
    async with grpc.aio.insecure_channel(target) as channel:
        record: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(RECORD)
        begun = time.perf_counter()

        async def caller() -> None:
            while time.perf_counter() - begun < seconds:
                request = next(waiting, None)
                if request is None:
                    raise RuntimeError(f"more than {MADE_FOR:,.0f} events/s: raise MADE_FOR")
                started = time.perf_counter()
                summary = pb.RecordEventsResponse.FromString(await record(request, timeout=TIMEOUT_S)).summary
                took.append(time.perf_counter() - started)
                if summary.accepted != BATCH:
                    raise RuntimeError(f"a batch was not accepted whole: {summary}")

        await asyncio.gather(*(caller() for _ in range(callers)))
        lasted = time.perf_counter() - begun
    milliseconds = np.array(took) * 1e3
    return {
        "events/s": len(took) * BATCH / lasted,
        "batch p50, ms": float(np.median(milliseconds)),
        "batch p99, ms": float(np.percentile(milliseconds, 99)),
    }


if __name__ == "__main__":
    app()
