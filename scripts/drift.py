"""Tells how far a period's inputs and clicks are from what a model was trained on."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from feedrank.errors import InvalidInput
from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.training.console import console_for, opened, reported_errors, watching, write_json
from feedrank.training.drift import SHIFTED
from feedrank.training.drift_report import drift
from feedrank.training.period import END
from feedrank.training.times import format_time, parse_time

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
MOST_SHIFTS = 15  # told; the JSON holds them all


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory.", file_okay=False)],
    model: Annotated[str, typer.Option(help="NAME (its newest version), NAME@VERSION or an alias.")],
    start: Annotated[str, typer.Option("--from", help="Look at impressions from here on (ISO; UTC).")],
    until: Annotated[str | None, typer.Option(help="... and before this.")] = None,
    models_dir: Annotated[
        Path | None, typer.Option(help="The registry; by default FEEDRANK_MODELS_DIR, or ./models.", file_okay=False)
    ] = None,
    fail: Annotated[bool, typer.Option("--fail", help="Exit with 3 if a feature has shifted.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here.", dir_okay=False)] = None,
) -> None:
    """Compare inputs with the training rows, and clicks with those predicted, day by day."""
    with reported_errors():
        console = console_for(json_file)
        registry = Registry(models_dir or Settings().models_dir, fingerprint_of)
        last = parse_time(until) if until else END
        if parse_time(start) >= last:
            raise InvalidInput(f"--from {start} is not before --until {until}")
        with opened(data_dir) as store, watching() as watch:
            found = drift(store, registry, model, parse_time(start), last, watch)
        table = Table("feature", "stability index", "unknown then", "now")
        for shift in found.shifts[:MOST_SHIFTS]:
            table.add_row(shift.feature, f"{shift.index:.3f}", f"{shift.missing_then:.1%}", f"{shift.missing_now:.1%}")
        console.print(table)
        shifted = [shift.feature for shift in found.shifts if shift.index > SHIFTED]
        console.print(f"{len(shifted)} of {len(found.shifts)} features are above {SHIFTED}", highlight=False)
        if found.days:
            table = Table("day", "seen", "clicks", "predicted", "ratio")
            for day in found.days:
                figures = (f"{day.rows:,}", f"{day.clicks:,}", f"{day.predicted:,.1f}", f"{day.ratio:.3f}")
                table.add_row(format_time(day.day)[:10], *figures)
            console.print(table)
        if found.reliability is not None:
            console.print(f"expected calibration error: {found.reliability.expected_error:.4f}", highlight=False)
        write_json(json_file, found.as_json())
    if fail and shifted:
        raise typer.Exit(3)


if __name__ == "__main__":
    app()
