"""Learns item vectors from what is read together, and lands them in the log: for items without text, too."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from feedrank.training.console import console_for, err, opened, reported_errors, watching, write_json
from feedrank.training.learned.factors import FitSettings
from feedrank.training.learned.learn import Lesson, learn
from feedrank.training.times import format_time, parse_time
from feedrank.types import DAY, HOUR

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

DEFAULTS = FitSettings()


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory.", file_okay=False)],
    space: Annotated[str, typer.Option(help="The vector space to fill, such as 'reads'; it holds nothing else.")],
    until: Annotated[
        str | None, typer.Option(help="Learn from what came before this (ISO; UTC); by default from all there is.")
    ] = None,
    nightly: Annotated[
        bool, typer.Option("--nightly", help="Fit at each midnight (UTC) of the log, too: for training on archives.")
    ] = False,
    every_hours: Annotated[
        int | None, typer.Option(min=1, help="Instead of each midnight: at each multiple of so many hours.")
    ] = None,
    dimensions: Annotated[int, typer.Option(min=2, max=512, help="Of the vectors.")] = DEFAULTS.dimensions,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write what came of it here.")] = None,
) -> None:
    """Fit item vectors on the co-engagement of the log and land them; what has landed before is not fitted again.

    Call it every night, and train with --space SPACE: a model trained so is served with the newest vectors.
    """
    with reported_errors():
        console = console_for(json_file)
        every = every_hours * HOUR if every_hours else DAY if nightly else 0
        end = parse_time(until) if until else None
        with opened(data_dir) as store, watching() as watch:
            landed = learn(store, Lesson(space, end, every, FitSettings(dimensions=dimensions)), watch)
        table = Table("data until", "items with a vector", "of them known before")
        for fit in landed:
            table.add_row(format_time(fit.at), f"{fit.items:,}", f"{fit.kept_axes:,}")
        console.print(table)
        if not landed:
            err.print(f"nothing was due: space {space!r} is as new as that", markup=False)
        fits = [{"at": format_time(fit.at), "items": fit.items, "known_before": fit.kept_axes} for fit in landed]
        write_json(json_file, {"space": space, "dimensions": dimensions, "fits": fits})


if __name__ == "__main__":
    app()
