"""Measures the tail of Rank while the service ingests and swaps models, against the same service left in peace.

    .venv/bin/python scripts/benchmarks/under_writes.py --items 10000 --rate 100

Each round has a quiet stretch and one with 2,000 events/s, 2 new articles/s and a model activated every 10 s, in turns,
at one fixed rate of Rank. New articles come as texts and the indexer embeds them, unless --no-indexer: then they bring
their vectors. Knows nothing of how fast Rank is.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import bench
import servers
import typer
import worlds

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

WITHIN = 1.3  # what writes may cost the p99
SWAP_EVERY_S = 10.0
WRITTEN_BEYOND_S = 2.0  # the load tool connects and warms up meanwhile
ENCODER_S = 600.0  # for the indexer to read the log and load its encoder


@app.command()
def main(
    items: bench.Items = 10_000,
    users: bench.Users = 100_000,
    rate: Annotated[float, typer.Option(min=1, help="Rank calls a second: well below what is held.")] = 50.0,
    rounds: bench.Rounds = 7,
    seconds: bench.Seconds = 20.0,
    workers: Annotated[int, typer.Option(min=1, help="Of feedrank.")] = 1,
    indexer: Annotated[bool, typer.Option(help="Embed the new articles' texts.")] = True,
    events_per_s: Annotated[float, typer.Option(min=1, help="Written meanwhile.")] = 2_000.0,
    items_per_s: Annotated[float, typer.Option(min=0.1, help="Written meanwhile.")] = 2.0,
    cache: bench.Cache = bench.CACHE,
    json_file: bench.JsonFile = None,
) -> None:
    """p99 of Rank with writes over without, median of rounds."""
    machine = bench.Machine()
    world = worlds.ready(worlds.WorldSpec(items, users), cache, live=True)
    rows: list[dict[str, Any]] = []
    with worlds.copied(world) as copy, servers.served(copy, workers=workers, indexer=indexer) as server:
        if indexer:
            servers.wait_for_encoder(server.target, ENCODER_S)
        models = [v.reference for v in copy.registry().versions()]
        writing = ["--target", server.target, "--items", str(items), "--users", str(users)]
        writing += ["--seconds", str(seconds + WRITTEN_BEYOND_S), "--every", str(SWAP_EVERY_S)]
        writing += ["--events-per-s", str(events_per_s), "--items-per-s", str(items_per_s)]
        writing += ["--dimensions", "0" if indexer else str(world.spec.dimensions)]
        writing += [part for model in models for part in ("--model", model)]
        servers.point(server.target, copy, rate, seconds / 2, ["--slates"])  # warm
        for number in range(rounds):
            quiet = servers.point(server.target, copy, rate, seconds, ["--slates"])
            writer = _writer([*writing, "--seed", str(number + 1)])
            busy = servers.point(server.target, copy, rate, seconds, ["--slates"])
            written = json.loads(writer.communicate(timeout=seconds + ENCODER_S)[0])
            rows.append({"quiet": quiet, "busy": busy, "written": written})
            p99s = [stretch["latency_ms"]["p99"] for stretch in (quiet, busy)]
            bench.err.print(f"round {number + 1}: p99 {p99s[0]:.2f} ms quiet, {p99s[1]:.2f} ms with writes")
    details = {"rounds": rows, "items": items, "users": users, "rate": rate, "workers": workers, "indexer": indexer}
    bench.publish(f"Rank at {rate:g}/s while writing, {items:,} items", figures_of(rows), machine, json_file, details)


def _writer(options: list[str]) -> "subprocess.Popen[str]":
    """traffic.py in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("traffic.py")), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=servers.environment())


def figures_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Spreads of both stretches' percentiles, and of their ratio within each round."""
    figures: dict[str, Any] = {}
    for q in ("p50", "p99"):
        quiet = [r["quiet"]["latency_ms"][q] for r in rows]
        busy = [r["busy"]["latency_ms"][q] for r in rows]
        figures[f"{q} quiet, ms"], figures[f"{q} with writes, ms"] = bench.spread(quiet), bench.spread(busy)
        figures[f"{q} ratio"] = bench.spread(b / a for a, b in zip(quiet, busy, strict=True) if a and b)
    figures[f"p99 ratio within {WITHIN}"] = (figures["p99 ratio"]["median"] or WITHIN + 1) <= WITHIN
    for kind in ("events", "items", "swaps"):
        written = [r["written"][kind] for r in rows]
        figures[f"{kind}: p99 of writes, ms"] = bench.spread(w["from_due_ms"].get("p99") for w in written)
        figures[f"{kind}: failed"] = sum(sum(w["failed"].values()) for w in written)
    figures["Rank calls not answered"] = sum(r[s]["calls"] - r[s]["answered"] for r in rows for s in ("quiet", "busy"))
    return figures


if __name__ == "__main__":
    app()
