"""Measures feedrank beside the naive server in one run, in turns: A B A B, with the load generator on the same cores.

    .venv/bin/python scripts/benchmarks/versus_naive.py --items 10000 --json versus_10k.json --plot versus_10k.svg

Both serve the same copy of one world, stay alive throughout, and are idle while the other is driven. Each round gives,
for each, the latency of a light load and the highest rate held with p99 within 50 ms. feedrank leaves its slates, as it
does in service; the naive server has none. Knows nothing of how either ranks.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import bench
import servers
import typer
import worlds

from feedrank.loadtest.chart import Chart, Line, svg

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

LOW_RATE = 5.0  # calls a second of a light load: either server is idle between most of them
NAMES = ("feedrank", "naive")
FIRST = {"feedrank": 40.0, "naive": 10.0}  # where the first search begins; later ones at half of what was held before


@app.command()
def main(
    items: bench.Items = 10_000,
    users: bench.Users = 100_000,
    rounds: bench.Rounds = 5,
    seconds: bench.Seconds = 10.0,
    workers: Annotated[int, typer.Option(min=1, help="Of feedrank.")] = 1,
    naive_numpy: Annotated[bool, typer.Option(help="Without compiled kernels for the naive server.")] = False,
    precision: Annotated[float, typer.Option(min=0.001, max=1, help="Of the search for the rate held.")] = 0.05,
    cache: bench.Cache = bench.CACHE,
    plot: Annotated[Path | None, typer.Option(help="Draw latency against rate here, as SVG.", dir_okay=False)] = None,
    json_file: bench.JsonFile = None,
) -> None:
    """Rank calls a second at p99 within 50 ms and p50 at low load, of both and as ratios within each round."""
    machine = bench.Machine()
    world = worlds.ready(worlds.WorldSpec(items, users), cache)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    with worlds.copied(world) as copy, ExitStack() as running:
        targets = {
            "naive": running.enter_context(servers.naive(copy, compiled=not naive_numpy)).target,
            "feedrank": running.enter_context(servers.served(copy, workers=workers)).target,
        }
        for number in range(rounds):
            for name in NAMES:
                options = ["--slates"] if name == "feedrank" else []
                earlier = found[name][-1]["sweep"]["held"] / 2 if found[name] else 0.0
                first = earlier or FIRST[name]
                low = servers.point(targets[name], copy, LOW_RATE, seconds, options)
                search = ["--search", "--first", str(first), "--precision", str(precision), *options]
                swept = servers.load(targets[name], copy, seconds, search)
                found[name].append({"low": low, "sweep": swept})
                p50 = low["latency_ms"]["p50"]
                bench.err.print(f"round {number + 1} {name}: p50 {p50:.2f} ms, held {swept['held']:,.0f}/s")
    bench.publish(
        f"feedrank ({workers} worker(s)) beside the naive server, {items:,} items",
        figures_of(found),
        machine,
        json_file,
        {"rounds": found, "items": items, "users": users, "workers": workers, "naive_numpy": naive_numpy},
    )
    if plot is not None:
        plot.write_text(drawn(found), encoding="utf-8")


def figures_of(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Spreads over rounds of what was held and of light latencies, and of both servers' ratios within each round."""
    figures: dict[str, Any] = {}
    for name in NAMES:
        figures[f"{name}: Rank/s held"] = bench.spread(r["sweep"]["held"] for r in found[name])
        for q in ("p50", "p99"):
            figures[f"{name}: {q} at low load, ms"] = bench.spread(r["low"]["latency_ms"][q] for r in found[name])
    pairs = list(zip(found["feedrank"], found["naive"], strict=True))
    figures["ratio of Rank/s held"] = bench.spread(_ratio(a["sweep"]["held"], b["sweep"]["held"]) for a, b in pairs)
    p50s = [(a["low"]["latency_ms"]["p50"], b["low"]["latency_ms"]["p50"]) for a, b in pairs]
    figures["ratio of p50 at low load"] = bench.spread(_ratio(b, a) for a, b in p50s)
    late = sum(p["generator_late"] for r in found["feedrank"] for p in r["sweep"]["points"])
    figures["points with a late generator, feedrank"] = late
    return figures


def _ratio(a: float | None, b: float | None) -> float | None:
    return a / b if a and b else None


def drawn(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """p50 and p99 against rate of both, all rounds' points together; of a rate measured twice the better try."""
    lines = []
    for name in NAMES:
        best: dict[float, Mapping[str, Any]] = {}
        for one in (p for r in found[name] for p in r["sweep"]["points"] if p["answered"]):
            kept = best.get(one["rate"])
            if kept is None or one["latency_ms"]["p99"] < kept["latency_ms"]["p99"]:
                best[one["rate"]] = one
        rates = sorted(best)
        lines += [Line(f"{name} {q}", rates, [best[r]["latency_ms"][q] for r in rates]) for q in ("p50", "p99")]
    chart = Chart("Latency against rate", "calls a second", "ms", lines, log_x=True, log_y=True, level=50.0)
    return svg([chart])


if __name__ == "__main__":
    app()
