"""Makes a news world and writes its articles, readers and what they did into a data directory."""

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from feedrank.errors import FeedRankError, InvalidInput
from feedrank.settings import Settings
from feedrank.simulator import LoggingPolicy, World, WorldSettings, WrittenWorld, simulate, write_world
from feedrank.store.sqlite import SqliteStore
from feedrank.types import HOUR, SECOND

FAILED, WRONG_INPUT = 1, 2
DEFAULTS = WorldSettings()
FIRST_DAY = datetime.fromtimestamp(DEFAULTS.start // SECOND, UTC).date().isoformat()

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory; made if missing.", file_okay=False)],
    users: Annotated[int, typer.Option(help="Readers.")] = DEFAULTS.users,
    items: Annotated[int, typer.Option(help="Articles.")] = DEFAULTS.items,
    days: Annotated[int, typer.Option(help="Days of reading.")] = DEFAULTS.days,
    seed: Annotated[int, typer.Option(help="Equal arguments give an equal log.")] = DEFAULTS.seed,
    start: Annotated[str, typer.Option(help="First day, YYYY-MM-DD, UTC.")] = FIRST_DAY,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the summary here, for machines.", dir_okay=False)
    ] = None,
) -> None:
    """Simulate a news world under a simple feed and keep its log. Safe to repeat; one world per data directory."""
    begun = time.monotonic()
    out, err = Console(), Console(stderr=True)
    if json_file is not None and not json_file.parent.is_dir():
        fail(err, f"--json {json_file}: there is no folder {json_file.parent}; make it first", WRONG_INPUT)
    try:
        settings = WorldSettings(users=users, items=items, days=days, seed=seed, start=midnight(start))
        with err.status("building the world"):
            world = World.build(settings)
        written = write(world, data_dir, err)
    except InvalidInput as e:
        fail(err, str(e), WRONG_INPUT)
    except FeedRankError as e:
        fail(err, str(e), FAILED)
    summary = asdict(written) | {"settings": asdict(settings), "seconds": round(time.monotonic() - begun, 3)}
    show(written, out, summary["seconds"])
    if json_file is not None:
        try:
            json_file.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        except OSError as e:
            fail(err, f"--json {json_file}: cannot be written ({e.strerror}); the world itself is written", FAILED)


def write(world: World, data_dir: Path, err: Console) -> WrittenWorld:
    """Lives through the world under the logging policy and writes it, with a progress bar over its hours."""
    store = SqliteStore.open(data_dir, Settings())
    settings = world.settings
    percent = TextColumn("{task.percentage:.0f}%")
    try:
        with Progress(TextColumn("simulating"), BarColumn(), percent, TimeRemainingColumn(), console=err) as progress:
            task = progress.add_task("simulating", total=settings.days * 24)
            written = write_world(
                world,
                simulate(world, LoggingPolicy(world)),
                store,
                lambda now: progress.update(task, completed=(now - settings.start) // HOUR),
            )
            progress.update(task, completed=settings.days * 24)
            return written
    finally:
        store.close()


def midnight(day: str) -> int:
    """UTC microseconds of a day's beginning; raises InvalidInput for what is no day."""
    try:
        return int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) * SECOND
    except ValueError:
        raise InvalidInput(f"--start {day!r} is not a day; write it as YYYY-MM-DD") from None


def show(written: WrittenWorld, out: Console, seconds: float) -> None:
    """The summary for people."""
    table = Table("", "accepted", "duplicates", "rejected")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, tally in (("items", written.items), ("users", written.users), ("events", written.events)):
        table.add_row(name, f"{tally.accepted:,}", f"{tally.duplicates:,}", f"{tally.rejected:,}")
    out.print(table)
    lines = [", ".join(f"{count:,} {action.lower()}" for action, count in most(written.actions))]
    for tally in (written.items, written.users, written.events):
        lines += [f"rejected: {count:,} x {reason}" for reason, count in most(tally.reasons)[:5]]
    lines.append(f"written in {seconds:.1f} s")
    out.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def most(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Names and counts, the largest first."""
    return sorted(counts.items(), key=lambda entry: -entry[1])


def fail(err: Console, message: str, code: int) -> NoReturn:
    """Says what went wrong and ends."""
    err.print(message, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


if __name__ == "__main__":
    app()
