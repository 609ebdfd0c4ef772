"""Measures what a challenger in the shadow costs live requests: p99 of Rank with it and without, in turns.

One served feedrank with a challenger. Which requests it samples follows from their ids, so blocks of calls that it
samples as usual alternate, every second or so, with blocks of the same calls under ids that it does not: both ways see
the same machine, index and users, and whatever else the machine does falls on both. Ends within four minutes on a quiet
machine of two cores, once its world is made: most of it is 4,300 calls at 25 a second. Knows nothing of ranking.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import bench
import numpy as np
import servers
import typer
import worlds
from rich.progress import track

from feedrank.client import Client, RankCall
from feedrank.experiments.hashing import BUCKETS
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
    items: bench.Items = 10_000,
    users: bench.Users = 2_000,
    percent: Annotated[float, typer.Option(min=0.01, max=99, help="Of requests the challenger samples.")] = 10.0,
    rate: Annotated[float, typer.Option(min=0.1, help="Calls a second, at most.")] = 25.0,
    calls: Annotated[int, typer.Option(min=BLOCK, help="Rank calls a round and way, in whole blocks of 20.")] = 300,
    rounds: bench.Rounds = 7,
    cache: bench.Cache = bench.CACHE,
    json_file: bench.JsonFile = None,
) -> None:
    """Serve with one worker, and compare the p99 of calls with the shadow and without, in turns."""
    machine = bench.Machine()
    world = worlds.ready(worlds.WorldSpec(items, users), cache)
    with worlds.copied(world) as copy:
        challenger = twin_of_champion(copy.registry())
        shadow = f'[[shadow]]\nname = "challenger"\nmodel = "{challenger}"\npercent = {percent}\n'
        (copy.data_dir / "experiments.toml").write_text(shadow, encoding="utf-8")
        with servers.served(copy) as server, Client(server.target, connections=CALLERS) as client:
            client.wait_until_serving()
            figures = compare(client, percent, users, calls, rounds, rate)
    bench.publish(f"a challenger in the shadow of {percent:g}% of requests", figures, machine, json_file)


def twin_of_champion(registry: Registry) -> str:
    """The champion's trees under another name: to score with them costs what it costs the champion."""
    champion = registry.load(worlds.CHAMPION)
    features, space = champion.manifest.feature_names, champion.manifest.space
    return registry.publish("challenger", champion.model_text, features, space, synthetic_rows(len(features)))


def compare(
    client: Client, percent: float, users: int, calls: int, rounds: int, rate: float
) -> dict[str, float | int | str | bool]:
    """Medians over rounds of both ways' percentiles in milliseconds, and of the ratio within each round."""
    one_round(client, percent, users, WARM, rate, 0)
    took = [
        one_round(client, percent, users, calls, rate, number)
        for number in track(range(1, rounds + 1), "rounds", console=bench.err, transient=True)
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
