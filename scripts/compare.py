"""Compares two models on the same replayed impressions, and writes what it found as a page to read."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from feedrank.analysis.compare.comparison import compare
from feedrank.analysis.compare.report import report as page_of
from feedrank.analysis.page import check_report_path, write_page
from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.training.console import console_for, err, opened, reported_errors, watching, write_json
from feedrank.training.gate.contest import Stretch
from feedrank.training.period import END
from feedrank.training.times import parse_time
from feedrank.types import SECOND

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory.", file_okay=False)],
    a: Annotated[str, typer.Option("--a", help='NAME (its newest version), NAME@VERSION, an alias, or "prior".')],
    b: Annotated[str, typer.Option("--b", help="The other one; differences are A minus B.")],
    start: Annotated[str, typer.Option("--from", help="Compare on impressions from here on (ISO; UTC).")],
    report: Annotated[Path, typer.Option(help="The page to write (HTML, one file).")],
    until: Annotated[str | None, typer.Option(help="... and before this.")] = None,
    counter_delay: Annotated[
        float | None, typer.Option(min=0, help="Seconds by which item counters lag; by default as both were trained.")
    ] = None,
    feeds: Annotated[int, typer.Option(min=0, max=50, help="Example feeds of each kind.")] = 4,
    models_dir: Annotated[
        Path | None, typer.Option(help="The registry; by default FEEDRANK_MODELS_DIR, or ./models.", file_okay=False)
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here.", dir_okay=False)] = None,
) -> None:
    """Compare two models: paired bootstrap and permutation test over users, per slice, and feeds side by side."""
    with reported_errors():
        console = console_for(json_file)
        check_report_path(report)
        stretch = Stretch(
            parse_time(start),
            parse_time(until) if until else END,
            None if counter_delay is None else round(counter_delay * SECOND),
        )
        registry = Registry(models_dir or Settings().models_dir, fingerprint_of)
        with opened(data_dir) as store, watching() as watch:
            found = compare(store, registry, a, b, stretch, feeds, watch)
        command = shlex.join(["scripts/compare.py", *sys.argv[1:]])
        write_page(report, page_of(found, command))
        for warning in found.warnings:
            err.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)
        for name, effect in found.whole.effects.items():
            d = effect.difference
            console.print(
                f"{name}: {effect.a:.4f} against {effect.b:.4f}, {d.mean:+.4f} ({d.low:+.4f} to {d.high:+.4f}), "
                f"p {effect.p:.4f}, after Holm {effect.p_holm:.4f}",
                highlight=False,
                soft_wrap=True,
            )
        console.print(f"the report is {report}", highlight=False, soft_wrap=True)
        write_json(json_file, found.as_json())


if __name__ == "__main__":
    app()
