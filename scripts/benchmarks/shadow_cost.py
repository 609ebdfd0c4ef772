"""Measures what a challenger in the shadow costs live requests: p99 of Rank with it and without, in turns.

One served feedrank with a challenger. Which requests it samples follows from their ids, so blocks of calls that it
samples as usual alternate, every second or so, with blocks of ids that it does not: both ways see the same machine,
index and users, and whatever else the machine does falls on both. Knows nothing of ranking.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import bench
import numpy as np
import servers
import typer
import worlds

from feedrank.client import Client, RankCall
from feedrank.experiments.hashing import BUCKETS
from feedrank.serving.ranking import seed_of

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

WITHIN = 1.15  # what the shadow may cost the p99
BLOCK = 20  # calls of one way before the other's turn
CALLERS = 2
PATIENCE_S = 30.0  # a stall of a busy machine is a figure, not an end


@app.command()
def main(
    items: bench.Items = 10_000,
    users: bench.Users = 100_000,
    percent: Annotated[float, typer.Option(min=0.01, max=100, help="Of requests the challenger samples.")] = 10.0,
    rate: Annotated[float, typer.Option(min=0.1, help="Calls a second, at most.")] = 20.0,
    calls: Annotated[int, typer.Option(min=10, help="Rank calls a round and way.")] = 500,
    rounds: bench.Rounds = 7,
    cache: bench.Cache = bench.CACHE,
    json_file: bench.JsonFile = None,
) -> None:
    """Serve with one worker, and compare the p99 of calls with the shadow and without, in turns."""
    machine = bench.Machine()
    world = worlds.ready(worlds.WorldSpec(items, users), cache)
    with worlds.copied(world) as copy:
        challenger = next(v.reference for v in copy.registry().versions() if not v.aliases)
        shadow = f'[[shadow]]\nname = "challenger"\nmodel = "{challenger}"\npercent = {percent}\n'
        (copy.data_dir / "experiments.toml").write_text(shadow, encoding="utf-8")
        with servers.served(copy) as server, Client(server.target, connections=CALLERS) as client:
            client.wait_until_serving()
            figures = compare(client, percent, users, calls, rounds, rate)
    bench.publish(f"a challenger in the shadow of {percent:g}% of requests", figures, machine, json_file)


def compare(
    client: Client, percent: float, users: int, calls: int, rounds: int, rate: float
) -> dict[str, float | int | str | bool]:
    """Medians over rounds of both ways' percentiles in milliseconds, and of the ratio within each round."""
    one_round(client, percent, users, 200, rate, 0)  # warm
    took = [one_round(client, percent, users, calls, rate, k + 1) for k in range(rounds)]
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
        "calls a way": calls * rounds,
    }


def one_round(
    client: Client, percent: float, users: int, calls: int, rate: float, number: int
) -> dict[bool, np.ndarray]:
    """Milliseconds of `calls` calls each way, sent when due or, on a machine that is behind, as soon as one ended.

    Blocks of `BLOCK` calls alternate: of ids as they come, a share of which the challenger samples, and of ids that it
    does not.
    """
    latencies = np.zeros(2 * calls)
    shadowed = (np.arange(2 * calls) // BLOCK + number) % 2 == 0
    ids = [request_id(f"{number}-{k}", percent, bool(on)) for k, on in enumerate(shadowed)]
    begun = time.perf_counter() + 0.1

    def ask(first: int) -> None:
        for k in range(first, len(ids), CALLERS):
            due = begun + k / rate
            time.sleep(max(due - time.perf_counter(), 0.0))
            sent = time.perf_counter()
            client.rank(RankCall(user_id=f"u{k % users}", request_id=ids[k]), timeout_s=PATIENCE_S)
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
