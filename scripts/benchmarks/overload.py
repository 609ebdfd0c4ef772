"""Measures a service beyond saturation: what it still answers at three times its peak, how it refuses, how it recovers.

    .venv/bin/python scripts/benchmarks/overload.py --items 10000

The peak is the highest rate held with p99 within 50 ms. Each round sends half of it, then three times it, then half
again, without a pause between. Told are answers within their deadline in the middle as a share of the peak, how long
refusals take, when the last stretch is as calm as the first, and the worker's memory. Knows nothing of how a service
sheds load.
"""

from typing import Annotated, Any

import bench
import numpy as np
import servers
import typer
import worlds
from rich.progress import track

from feedrank.loadtest import Arrivals, Bounds, Calls, Generator, due_times, length_for, point_of, sweep
from feedrank.loadtest.figures import OK, percentiles
from feedrank.types import F64, Bools
from feedrank.v1 import feedrank_pb2 as pb

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

TIMES = 3.0  # of the peak
CALM = 0.5  # of the peak, before and after
WARM_UP_S = 2.0
REFUSED = "RESOURCE_EXHAUSTED"
LEAST_CALLS = 300  # at each rate of the search for the peak
PRECISION = 0.1  # of the peak: finer than the target is stated


@app.command()
def main(
    items: bench.Items = 10_000,
    users: bench.Users = 100_000,
    rounds: bench.Rounds = 3,
    seconds: bench.Seconds = 10.0,
    bound_ms: Annotated[float, typer.Option(min=1, help="p99 that defines the peak and calm.")] = 50.0,
    timeout_ms: Annotated[float, typer.Option(min=10, help="Deadline of each call.")] = 500.0,
    workers: Annotated[int, typer.Option(min=1, help="Of feedrank.")] = 1,
    cache: bench.Cache = bench.CACHE,
    json_file: bench.JsonFile = None,
) -> None:
    """Goodput at three times the peak, refusals, recovery and memory."""
    machine = bench.Machine()
    world = worlds.ready(worlds.WorldSpec(items, users), cache)
    drawn = np.random.default_rng(1).choice(world.users(), 5_000).tolist()
    requests = [pb.RankRequest(user_id=user).SerializeToString() for user in drawn]
    rows: list[dict[str, float]] = []
    with (
        worlds.copied(world) as copy,
        servers.served(copy, workers=workers) as server,
        Generator(server.target, timeout_s=timeout_ms / 1e3) as generator,
    ):
        generator.wait_until_serving()
        generator.run(requests, due_times(10.0, WARM_UP_S, Arrivals.POISSON, 1))

        def measure(rate: float) -> Any:
            bench.err.print(f"looking for the peak: {rate:.0f}/s", highlight=False)
            generator.settle(requests[0], bound_ms / 1e3)
            lasting = length_for(rate, seconds, LEAST_CALLS)
            calls = generator.run(requests, due_times(rate, lasting, Arrivals.POISSON, 1))
            return point_of(calls, rate, lasting, bound_ms)

        peak = sweep(measure, 40.0, Bounds(p99_ms=bound_ms), PRECISION).held
        if not peak:
            raise typer.BadParameter(f"no rate is held with p99 within {bound_ms:g} ms: raise --bound-ms")
        for number in track(range(rounds), f"peak {peak:.0f}/s; rounds", console=bench.err):
            generator.settle(requests[0], bound_ms / 1e3)
            due = stretches(peak, seconds, number)
            calls = generator.run(requests, due)
            memory = max(servers.memory_of(pid).resident for pid in server.workers())
            rows.append({**figures_of(calls, peak, seconds, bound_ms), "MiB of the largest worker": memory})
    figures: dict[str, Any] = {"peak, Rank/s": peak}
    figures |= {name: bench.spread(row[name] for row in rows) for name in rows[0]}
    details = {"rounds": rows, "items": items, "timeout_ms": timeout_ms, "workers": workers}
    bench.publish(f"{TIMES:g} times the peak, {items:,} items", figures, machine, json_file, details)


def stretches(peak: float, seconds: float, seed: int) -> F64:
    """When calls are due: `seconds` of calm, as many of overload, as many of calm."""
    parts = [due_times(share * peak, seconds, Arrivals.POISSON, 10 * seed + k) for k, share in enumerate(SHARES)]
    return np.concatenate([k * seconds + part for k, part in enumerate(parts)])


SHARES = (CALM, TIMES, CALM)


def figures_of(calls: Calls, peak: float, seconds: float, bound_ms: float) -> dict[str, float]:
    """Figures of one round, by the stretch its calls were due in."""
    answered: Bools = np.array([code == OK for code in calls.codes], np.bool_)
    refused: Bools = np.array([code == REFUSED for code in calls.codes], np.bool_)
    over = (calls.due >= seconds) & (calls.due < 2 * seconds)
    latency = (calls.ended - calls.due) * 1e3
    good = float((answered & over).sum()) / seconds
    refusals = percentiles(((calls.ended - calls.sent) * 1e3)[refused])
    return {
        "goodput, share of the peak": good / peak,
        "degraded, share of answers": float(calls.degraded[answered & over].mean()) if (answered & over).any() else 0.0,
        "refused, share": float(refused[over].mean()),
        "failed otherwise, share": float((~answered & ~refused)[over].mean()),
        "ms of a refusal, p50": refusals["p50"],
        "ms of a refusal, p99": refusals["p99"],
        "ms of an answer under overload, p99": percentiles(latency[answered & over])["p99"],
        "s to recover": recovery_s(calls.due, latency, answered, 2 * seconds, bound_ms),
        "sent late, ms, p99": percentiles((calls.sent - calls.due) * 1e3)["p99"],
    }


def recovery_s(due: F64, latency_ms: F64, answered: Bools, start: float, bound_ms: float, share: float = 0.99) -> float:
    """Seconds from `start` from which on `share` of all later calls are answered within the bound; NaN if never."""
    after = due >= start
    due, fine = due[after], (answered & (latency_ms <= bound_ms))[after]
    if not len(due):
        return float("nan")
    # Share of fine calls from each call on.
    later = np.cumsum(fine[::-1])[::-1] / np.arange(len(fine), 0, -1)
    calm = np.flatnonzero((later >= share) & fine)
    return float(due[calm[0]] - start) if len(calm) else float("nan")


if __name__ == "__main__":
    app()
