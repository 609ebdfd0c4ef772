"""Loads a served feedrank with Rank calls, open loop, and reports latency from when each was due.

At one rate, at several, or searching for the highest rate held at p99 within a bound. Calls are sent when they are due,
whether or not earlier ones were answered, and a late start counts as latency, so a stalled server cannot hide its
stalls (no coordinated omission). Nothing is retried: refusals are counted by code. Knows nothing of what is ranked.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from feedrank.errors import FeedRankError
from feedrank.loadtest import Arrivals, Bounds, Generator, Point, Sweep, due_times, holds, length_for, point_of, sweep
from feedrank.loadtest.chart import Chart, Line, svg
from feedrank.loadtest.sweep import generator_late
from feedrank.v1 import feedrank_pb2 as pb

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

FAILED, WRONG_INPUT = 1, 2
STDOUT = Path("-")
MOST_REQUESTS = 20_000  # serialised beforehand; they begin anew after that
UNKNOWN_USERS = 1_000
FIRST_RATE = 20.0  # where a search begins: any service holds it, and two seconds tell


@app.command()
def main(
    target: Annotated[str, typer.Option(help="HOST:PORT of the service.")],
    seconds: Annotated[float, typer.Option(min=0.1, help="At each rate; a search takes longer at low ones.")],
    rate: Annotated[float | None, typer.Option(min=0.1, help="Calls a second.")] = None,
    rates: Annotated[str | None, typer.Option(help="Several rates, one after the other: 50,100,200.")] = None,
    search: Annotated[bool, typer.Option(help="Look for the highest rate held within --bound-ms.")] = False,
    first: Annotated[float, typer.Option(min=0.1, help="Where the search begins.")] = FIRST_RATE,
    precision: Annotated[float, typer.Option(min=0.001, max=1, help="Of the search, as a share of the rate.")] = 0.05,
    least_calls: Annotated[int, typer.Option(min=1, help="At each rate of a search.")] = 300,
    bound_ms: Annotated[float, typer.Option(min=0.1, help="What p99 may be; goodput counts answers within it.")] = 50.0,
    timeout_ms: Annotated[float, typer.Option(min=1, help="Deadline of each call.")] = 1_000.0,
    warm_up: Annotated[float, typer.Option(min=0, help="Seconds at each rate before counting begins.")] = 1.0,
    arrivals: Annotated[Arrivals, typer.Option(help="How calls follow one another.")] = Arrivals.POISSON,
    users: Annotated[
        Path | None,
        typer.Option(help="User ids, one a line, to draw from; else unknown ones.", exists=True, dir_okay=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Items a feed.")] = 20,
    slates: Annotated[bool, typer.Option(help="Let calls leave slates, as real ones do.")] = False,
    connections: Annotated[int, typer.Option(min=1, help="To spread calls over, and over workers.")] = 8,
    seed: Annotated[int, typer.Option(help="Of the users drawn and of the arrivals.")] = 1,
    plot: Annotated[Path | None, typer.Option(help="Draw latency against rate here, as SVG.", dir_okay=False)] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here; - is stdout.")] = None,
) -> None:
    """Send Rank calls at given rates, or look for the highest one held. Exit 1 if nothing was answered."""
    console = Console(stderr=json_file == STDOUT)
    wanted = _rates(rate, rates, search)
    bounds = Bounds(p99_ms=bound_ms)
    requests = _requests(_ids(users), limit, slates, seed)
    try:
        with Generator(target, connections, timeout_ms / 1e3) as generator:
            generator.wait_until_serving()

            def measure(at: float) -> Point:
                generator.settle(requests[0], bound_ms / 1e3)
                if warm_up:
                    generator.run(requests, due_times(at, warm_up, arrivals, seed + 1))
                lasting = length_for(at, seconds, least_calls) if search else seconds
                point = point_of(generator.run(requests, due_times(at, lasting, arrivals, seed)), at, lasting, bound_ms)
                console.print(_line(point, bounds), highlight=False, soft_wrap=True)
                return point

            found = sweep(measure, first, bounds, precision) if search else None
            points = found.points if found is not None else [measure(at) for at in wanted]
    except FeedRankError as error:
        Console(stderr=True).print(f"error: {error}", markup=False)
        raise typer.Exit(FAILED) from error
    _report(console, points, found, bounds)
    _write(json_file, found.as_json() if found is not None else Sweep(0.0, points, bounds).as_json())
    if plot is not None:
        plot.write_text(_drawn(points, bounds), encoding="utf-8")
    if not any(point.answered for point in points):
        raise typer.Exit(FAILED)


def _rates(rate: float | None, rates: str | None, search: bool) -> list[float]:
    """The rates asked for; none for a search."""
    if (rate is not None) + (rates is not None) + search != 1:
        raise typer.BadParameter("give one of --rate, --rates and --search")
    try:
        found = [float(part) for part in rates.split(",")] if rates else [rate or 0.0]
    except ValueError as error:
        raise typer.BadParameter(f"--rates {rates}: send numbers with commas between them") from error
    if not search and min(found) <= 0:
        raise typer.BadParameter(f"--rates {rates}: every rate must be positive")
    return [] if search else found


def _ids(users: Path | None) -> list[str]:
    ids = users.read_text(encoding="utf-8").split() if users else [f"load-{k}" for k in range(UNKNOWN_USERS)]
    if not ids:
        Console(stderr=True).print(f"error: {users} holds no user id", markup=False)
        raise typer.Exit(WRONG_INPUT)
    return ids


def _requests(ids: Sequence[str], limit: int, slates: bool, seed: int) -> list[bytes]:
    """Serialised requests of users drawn at random."""
    drawn = np.random.default_rng(seed).choice(ids, size=MOST_REQUESTS).tolist()
    return [pb.RankRequest(user_id=user, limit=limit, dry_run=not slates).SerializeToString() for user in drawn]


def _line(point: Point, bounds: Bounds) -> str:
    """One point for people, as it is measured."""
    latency = "  ".join(f"{name} {point.latency_ms[name]:.2f}" for name in ("p50", "p90", "p99", "p99.9", "max"))
    notes = [f"{code} {count}" for code, count in point.codes.items() if code != "OK"]
    if point.answered < point.calls:
        notes.append(f"p99 of these {point.refused_ms['p99']:.1f} ms")
    if point.degraded_share:
        notes.append(f"degraded {point.degraded_share:.1%}")
    if point.empty:
        notes.append(f"empty {point.empty}")
    if generator_late(point, bounds):
        notes.append(f"the generator is late: p99 {point.lag_ms['p99']:.1f} ms")
    verdict = "held" if holds(point, bounds) else "not held"
    speeds = f"answered {point.per_s:,.1f}/s, within the bound {point.goodput_per_s:,.1f}/s"
    return f"{point.rate:9,.1f}/s {verdict:9} {latency} ms  {speeds}  {', '.join(notes)}".rstrip()


def _report(console: Console, points: Sequence[Point], found: Sweep | None, bounds: Bounds) -> None:
    if any(generator_late(p, bounds) for p in points):
        console.print("Where the generator is late the machine is measured, not only the service.", soft_wrap=True)
    if found is not None:
        console.print(f"held {found.held:,.1f} calls a second with p99 within {bounds.p99_ms:g} ms", soft_wrap=True)


def _drawn(points: Sequence[Point], bounds: Bounds) -> str:
    """Latency and answers against rate; of a rate measured twice, the better try."""
    best: dict[float, Point] = {}
    for p in points:
        if p.rate not in best or not p.latency_ms["p99"] >= best[p.rate].latency_ms["p99"]:
            best[p.rate] = p
    rates = sorted(best)
    lines = [Line(name, rates, [best[r].latency_ms[name] for r in rates]) for name in ("p50", "p90", "p99")]
    latency = Chart("Latency", "calls a second", "ms", lines, log_y=True, level=bounds.p99_ms)
    answered = Line("answered", rates, [best[r].per_s for r in rates])
    good = Line(f"within {bounds.p99_ms:g} ms", rates, [best[r].goodput_per_s for r in rates])
    return svg([latency, Chart("Throughput", "calls a second", "answers a second", [answered, good])])


def _write(json_file: Path | None, figures: dict[str, Any]) -> None:
    if json_file is None:
        return
    text = json.dumps(figures, indent=2) + "\n"
    if json_file == STDOUT:
        sys.stdout.write(text)
    else:
        json_file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    app()
