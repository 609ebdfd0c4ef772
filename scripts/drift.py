"""Measures drift from the log: a model's inputs now against a reference period, and its calibration by day."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from feedrank.analysis.model_report.drift_page import drift_page
from feedrank.analysis.page import check_report_path, write_page
from feedrank.errors import InvalidInput
from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.training.audit.audited import score_period
from feedrank.training.audit.drift import drifts, moved, probabilities_by_day
from feedrank.training.console import console_for, opened, reported_errors, watching, write_json
from feedrank.training.evaluate import Trial
from feedrank.training.period import END
from feedrank.training.times import format_time, parse_time

SHOWN = 15  # columns printed; the report and --json hold all

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory.", file_okay=False)],
    model: Annotated[str, typer.Option(help='NAME (its newest version), NAME@VERSION, an alias, or "prior".')],
    reference: Annotated[str, typer.Option("--reference-from", help="The reference begins here (ISO; UTC) ...")],
    start: Annotated[str, typer.Option("--from", help="... and ends where the period that is looked at begins.")],
    until: Annotated[str | None, typer.Option(help="The end of that period.")] = None,
    models_dir: Annotated[
        Path | None, typer.Option(help="The registry; by default FEEDRANK_MODELS_DIR, or ./models.", file_okay=False)
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the report here, as HTML.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the findings here.", dir_okay=False)] = None,
) -> None:
    """Compare a model's inputs with those of an earlier period, and its click probabilities with what was clicked."""
    with reported_errors():
        console = console_for(json_file)
        if report is not None:
            check_report_path(report)
        first, cut = parse_time(reference), parse_time(start)
        trial = Trial(model, first, parse_time(until) if until else END)
        registry = Registry(models_dir or Settings().models_dir, fingerprint_of)
        with opened(data_dir) as store, watching() as watch:
            scored = score_period(store, registry, trial, watch)
        data = scored.dataset
        earlier = data.times < cut
        if earlier.all() or not earlier.any():
            raise InvalidInput(
                f"--from {format_time(cut)}: there must be impressions on both sides; those read are from "
                f"{format_time(int(data.times[0]))} to {format_time(int(data.times[-1]))}"
            )
        found = drifts(data.take(earlier), data.take(np.logical_not(earlier)), scored.scorer)
        days = probabilities_by_day(data, scored.scorer)
        table = Table("column", "index", "", "mean before", "mean now")
        for drift in found[:SHOWN]:
            means = (f"{drift.mean_before:.4g}", f"{drift.mean_now:.4g}")
            table.add_row(drift.column, f"{drift.psi:.3f}", drift.verdict, *means)
        console.print(table)
        console.print(f"{len(moved(found))} of {len(found)} columns have moved", highlight=False)
        if report is not None:
            spans = tuple(
                f"{format_time(int(times[0]))} to {format_time(int(times[-1]))}, {len(times):,} impressions"
                for times in (data.times[earlier], data.times[~earlier])
            )
            write_page(report, drift_page(scored.reference, (spans[0], spans[1]), found, days))
        write_json(
            json_file,
            {
                "model": scored.reference,
                "columns": [drift.as_json() for drift in found],
                "probabilities": [
                    {"day": format_time(d.day), "rows": d.rows, "said": d.said, "clicked": d.clicked} for d in days
                ],
            },
        )


if __name__ == "__main__":
    app()
