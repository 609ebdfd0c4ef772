"""Lets the service live through simulated days: it starts empty, serves, logs, retrains every night; is it worth it?"""

import math
import shlex
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from feedrank.analysis.page import check_report_path, write_page
from feedrank.rehearsal.kept import load, path_of, save
from feedrank.rehearsal.loop import ORACLE, TRENDING, Plan, SeedRun, run_seed
from feedrank.rehearsal.measures import arms, by_day, ratio, verdict
from feedrank.rehearsal.report import page
from feedrank.settings import Settings
from feedrank.simulator import WorldSettings
from feedrank.training.console import console_for, err, reported_errors, write_json

DEFAULTS = WorldSettings()

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    seeds: Annotated[int, typer.Option(min=1, help="How many worlds.")] = 5,
    first_seed: Annotated[int, typer.Option(min=0, help="Worlds have this seed and the next ones.")] = 1,
    days: Annotated[int, typer.Option(min=1, help="Days to live through, of the world's seven.")] = 5,
    users: Annotated[int, typer.Option(min=2, help="Readers of each world.")] = DEFAULTS.users,
    items: Annotated[int, typer.Option(min=50, help="Articles of each world.")] = DEFAULTS.items,
    encoder: Annotated[
        str | None, typer.Option(help='Of text; by default the service\'s, "none" for a service without text.')
    ] = None,
    cache: Annotated[
        Path, typer.Option(help="Keeps text vectors and finished worlds; delete it to run anew.", file_okay=False)
    ] = Path("data/closed_loop"),
    jobs: Annotated[int, typer.Option(min=1, help="Worlds at a time, each in a process.")] = 1,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page here.", dir_okay=False)] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here.", dir_okay=False)] = None,
) -> None:
    """Clicks per session of the service by day, beside trending, newest, random, the logging policy and the oracle."""
    with reported_errors():
        console = console_for(json_file)
        if report is not None:
            check_report_path(report)
        cache.mkdir(parents=True, exist_ok=True)
        world = replace(DEFAULTS, users=users, items=items, days=max(days, DEFAULTS.days))
        chosen = tuple(range(first_seed, first_seed + seeds))
        plan = Plan(chosen, days, world, encoder or Settings().encoder, cache)
        runs = run(plan, jobs)
        found = verdict(runs, days)
        table = Table("clicks per session", *(f"day {day + 1}" for day in range(days)), "all")
        for column in table.columns[1:]:
            column.justify = "right"
        for arm in arms(runs, days):
            table.add_row(arm.name, *(f"{i.mean:.3f}" for i in arm.days), f"{arm.total.mean:.3f}")
        console.print(table)
        console.print(
            f"day {days}: {found.lift.mean:.2f} [{found.lift.low:.2f}, {found.lift.high:.2f}] times trending, "
            f"{found.share.mean:.3f} [{found.share.low:.3f}, {found.share.high:.3f}] of the oracle",
            highlight=False,
        )
        if report is not None:
            command = shlex.join(["python", "scripts/closed_loop.py", *sys.argv[1:]])
            write_page(report, page(plan, runs, command))
        write_json(json_file, figures(plan, runs))


def run(plan: Plan, jobs: int) -> list[SeedRun]:
    """All seeds, in their order, with a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=err) as progress,
        ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool,
    ):
        task = progress.add_task("living through worlds", total=len(plan.seeds))
        waiting = [pool.submit(kept_or_run, plan, replace(plan.world, seed=seed)) for seed in plan.seeds]
        for done in as_completed(waiting):
            done.result()
            progress.advance(task)
    return [each.result() for each in waiting]


def kept_or_run(plan: Plan, world: WorldSettings) -> SeedRun:
    """The run of one world: as kept, or lived through now and kept."""
    path = path_of(plan, world)
    if not path.is_file():
        save(path, run_seed(plan, world))
    return load(path)


def figures(plan: Plan, runs: list[SeedRun]) -> dict[str, object]:
    """For machines: every arm by day and seed, both ratios, and what each night trained."""
    found = verdict(runs, plan.days)
    return {
        "seeds": plan.seeds,
        "days": plan.days,
        "world": asdict(plan.world),
        "encoder": plan.encoder,
        "reached": found.reached,
        "service_over_trending": [_known(asdict(i)) for i in ratio(runs, TRENDING, plan.days).days],
        "service_over_oracle": [_known(asdict(i)) for i in ratio(runs, ORACLE, plan.days).days],
        "clicks_per_session": {
            name: {str(each.seed): by_day(each.arms[name], plan.days).tolist() for each in runs}
            for name in runs[0].arms
        },
        "ineligible": {name: sum(each.arms[name].ineligible for each in runs) for name in runs[0].arms},
        "rank_ms": {str(each.seed): each.rank_ms for each in runs},
        "nights": {str(each.seed): [_known(asdict(night)) for night in each.nights] for each in runs},
        "commits": sorted({each.commit for each in runs}),
    }


def _known(values: dict[str, float]) -> dict[str, float | None]:
    """JSON has no NaN: what is undefined, as the interval of a single seed, is null."""
    return {name: None if math.isnan(value) else value for name, value in values.items()}


if __name__ == "__main__":
    app()
