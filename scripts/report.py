"""Writes the report of one model: one HTML file to send to a colleague, that needs no network."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from feedrank.analysis.model_report.findings import find_out
from feedrank.analysis.model_report.report import model_page
from feedrank.analysis.page import check_report_path, write_page
from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.training.audit.settings import AuditSettings, read_audit_settings
from feedrank.training.console import console_for, opened, reported_errors, watching, write_json
from feedrank.training.evaluate import Trial
from feedrank.training.period import END, SlateRows
from feedrank.training.slices import METRICS
from feedrank.training.times import parse_time
from feedrank.types import SECOND

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory.", file_okay=False)],
    model: Annotated[str, typer.Option(help='NAME (its newest version), NAME@VERSION, an alias, or "prior".')],
    start: Annotated[str, typer.Option("--from", help="Judge on impressions from here on (ISO; UTC).")],
    report: Annotated[Path, typer.Option(help="Write the report here, as HTML.")],
    until: Annotated[str | None, typer.Option(help="... and before this.")] = None,
    counter_delay: Annotated[
        float | None, typer.Option(min=0, help="Seconds by which item counters lag; by default as in training.")
    ] = None,
    also_delay: Annotated[
        list[float] | None, typer.Option(min=0, help="Another counter delay for the curve; may be repeated.")
    ] = None,
    models_dir: Annotated[
        Path | None, typer.Option(help="The registry; by default FEEDRANK_MODELS_DIR, or ./models.", file_okay=False)
    ] = None,
    from_slates: Annotated[
        SlateRows, typer.Option(help="Rows of served slates: replayed from the log, or as they were logged.")
    ] = SlateRows.REPLAY,
    audit_settings: Annotated[
        Path | None, typer.Option(help="Limits as TOML: the fields of AuditSettings.", dir_okay=False, exists=True)
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here.", dir_okay=False)] = None,
) -> None:
    """Report on a model: metrics with intervals beside baselines, slices, importances, curves, calibration, audit."""
    with reported_errors():
        console = console_for(json_file)
        check_report_path(report)
        limits = read_audit_settings(audit_settings) if audit_settings else AuditSettings()
        delay = None if counter_delay is None else round(counter_delay * SECOND)
        trial = Trial(model, parse_time(start), parse_time(until) if until else END, delay, slate_rows=from_slates)
        registry = Registry(models_dir or Settings().models_dir, fingerprint_of)
        with opened(data_dir) as store, watching() as watch:
            found = find_out(store, registry, trial, also_delay or (), limits, watch)
        write_page(report, model_page(found, shlex.join(["python", *sys.argv])))
        auc = found.standings[0].metrics[0]
        held = "every guardrail held" if found.audit.passed else "a guardrail FAILED"
        console.print(f"{report}: AUC {auc.mean:.4f} ({auc.low:.4f} to {auc.high:.4f}); {held}", highlight=False)
        metrics = {key: each.mean for key, each in zip(METRICS, found.standings[0].metrics, strict=True)}
        write_json(
            json_file,
            {
                "model": found.reference,
                **metrics,
                "slices": [each.as_json() for each in found.slices],
                "audit": found.audit.as_json(),
            },
        )


if __name__ == "__main__":
    app()
