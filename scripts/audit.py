"""Audits a model: what it shows beyond accuracy, which items and users it neglects, and whether its guardrails hold."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from feedrank.analysis.model_report.audit_sections import audit_sections
from feedrank.analysis.page import Page, check_report_path, write_page
from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.training.audit.audit import Audit
from feedrank.training.audit.audited import audit_model
from feedrank.training.audit.settings import AuditSettings, read_audit_settings
from feedrank.training.console import console_for, err, opened, reported_errors, watching, write_json
from feedrank.training.evaluate import Trial
from feedrank.training.period import END, SlateRows
from feedrank.training.times import format_time, parse_time
from feedrank.types import SECOND

GUARDRAIL_FAILED = 3  # exit code, beside 1 and 2 of every training command

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory.", file_okay=False)],
    model: Annotated[str, typer.Option(help='NAME (its newest version), NAME@VERSION, an alias, or "prior".')],
    start: Annotated[str, typer.Option("--from", help="Audit impressions from here on (ISO; UTC).")],
    until: Annotated[str | None, typer.Option(help="... and before this.")] = None,
    counter_delay: Annotated[
        float | None, typer.Option(min=0, help="Seconds by which item counters lag; by default as in training.")
    ] = None,
    models_dir: Annotated[
        Path | None, typer.Option(help="The registry; by default FEEDRANK_MODELS_DIR, or ./models.", file_okay=False)
    ] = None,
    from_slates: Annotated[
        SlateRows, typer.Option(help="Rows of served slates: replayed from the log, or as they were logged.")
    ] = SlateRows.REPLAY,
    settings: Annotated[
        Path | None, typer.Option(help="Limits as TOML: the fields of AuditSettings.", dir_okay=False, exists=True)
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the report here, as HTML.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the findings here.", dir_okay=False)] = None,
) -> None:
    """Audit a model on imported impressions in its order, or on slates as served. Exit code 3: a guardrail failed."""
    with reported_errors():
        console = console_for(json_file)
        if report is not None:
            check_report_path(report)
        limits = read_audit_settings(settings) if settings else AuditSettings()
        delay = None if counter_delay is None else round(counter_delay * SECOND)
        trial = Trial(model, parse_time(start), parse_time(until) if until else END, delay, slate_rows=from_slates)
        registry = Registry(models_dir or Settings().models_dir, fingerprint_of)
        with opened(data_dir) as store, watching() as watch:
            scored, audit = audit_model(store, registry, trial, limits, watch)
        table = Table("guardrail", "value", "limit", "held")
        for rail in audit.guardrails:
            table.add_row(rail.name, f"{rail.value:.3f}", f"{rail.limit:.3f}", "yes" if rail.passed else "[bold red]NO")
        console.print(table)
        console.print(f"{audit.lists:,} lists of {audit.users:,} users: {audit.origin.value}", highlight=False)
        for group in audit.groups:
            if group.behind(limits):
                err.print(
                    f"behind the others: {group.grouping} {group.value}, AUC {group.auc:.3f}, "
                    f"{group.contrast.difference:+.3f} ({group.by_reference:+.3f} by {audit.reference})",
                    markup=False,
                    highlight=False,
                )
        if report is not None:
            times = [int(scored.dataset.times[i]) for i in (0, -1)]
            write_page(report, _page(scored.reference, audit, *times))
        write_json(json_file, {"model": scored.reference, **audit.as_json()})
        if not audit.passed:
            raise typer.Exit(GUARDRAIL_FAILED)


def _page(reference: str, audit: Audit, first: int, last: int) -> Page:
    facts = (
        ("model", reference),
        ("impressions", f"{format_time(first)} to {format_time(last)}"),
        ("lists", f"{audit.lists:,} of {audit.users:,} users"),
        ("lists are", audit.origin.value),
    )
    return Page(
        f"Audit of {reference}", "What it shows, whom it serves, and whom it neglects", facts, audit_sections(audit)
    )


if __name__ == "__main__":
    app()
