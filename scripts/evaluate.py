"""Judges a model on a stretch of the log, beside what any model must beat."""

from pathlib import Path
from typing import Annotated

import typer

from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.training.console import console_for, err, opened, reported_errors, watching, write_json
from feedrank.training.evaluate import Trial, evaluate
from feedrank.training.period import END, SlateRows
from feedrank.training.tables import show
from feedrank.training.times import parse_time
from feedrank.types import SECOND

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory.", file_okay=False)],
    model: Annotated[str, typer.Option(help='NAME (its newest version), NAME@VERSION, an alias, or "prior".')],
    start: Annotated[str, typer.Option("--from", help="Judge on impressions from here on (ISO; UTC).")],
    until: Annotated[str | None, typer.Option(help="... and before this.")] = None,
    counter_delay: Annotated[
        float | None, typer.Option(min=0, help="Seconds by which item counters lag; by default as in training.")
    ] = None,
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Counters and histories stand still from --from on.")
    ] = False,
    models_dir: Annotated[
        Path | None, typer.Option(help="The registry; by default FEEDRANK_MODELS_DIR, or ./models.", file_okay=False)
    ] = None,
    from_slates: Annotated[
        SlateRows, typer.Option(help="Rows of served slates: replayed from the log, or as they were logged.")
    ] = SlateRows.REPLAY,
    curve: Annotated[
        bool,
        typer.Option("--curve", help="Also judge at every counter delay, nightly, and frozen; takes as long each."),
    ] = False,
    slices: Annotated[
        bool, typer.Option("--slices", help="Also print the metrics of parts of the impressions.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of intervals and of fitted baselines.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the metrics here.", dir_okay=False)] = None,
) -> None:
    """Judge a model on impressions it was not trained on. Metrics mean what MIND's official scorer means."""
    with reported_errors():
        console = console_for(json_file)
        trial = Trial(
            model,
            parse_time(start),
            parse_time(until) if until else END,
            None if counter_delay is None else round(counter_delay * SECOND),
            frozen,
            from_slates,
            curve,
            seed,
        )
        registry = Registry(models_dir or Settings().models_dir, fingerprint_of)
        with opened(data_dir) as store, watching() as watch:
            verdict = evaluate(store, registry, trial, watch)
        for warning in verdict.warnings:
            err.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)
        show(verdict, slices, console)
        write_json(json_file, verdict.as_json())


if __name__ == "__main__":
    app()
