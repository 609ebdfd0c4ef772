"""Trains a LightGBM ranker on a data directory's log and registers it as a new version."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.training.console import console_for, opened, reported_errors, watching, write_json
from feedrank.training.feature_choice import read_names
from feedrank.training.fit import FitParams
from feedrank.training.period import AUTO_SPACE, BEGINNING, END, SlateRows
from feedrank.training.times import format_time, parse_time
from feedrank.training.train import Assignment, train
from feedrank.training.tune import read_params
from feedrank.types import SECOND

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory.", file_okay=False)],
    name: Annotated[str, typer.Option(help="The model's name; every run adds a version.")],
    start: Annotated[str | None, typer.Option("--from", help="Train on impressions from here on (ISO; UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="... and before this; nothing later is looked at.")] = None,
    counter_delay: Annotated[
        float, typer.Option(min=0, help="Seconds by which item counters lag behind imported events.")
    ] = 0.0,
    models_dir: Annotated[
        Path | None, typer.Option(help="The registry; by default FEEDRANK_MODELS_DIR, or ./models.", file_okay=False)
    ] = None,
    space: Annotated[
        str, typer.Option(help='The vector space; "auto": the one with most vectors, "": none.')
    ] = AUTO_SPACE,
    from_slates: Annotated[
        SlateRows, typer.Option(help="Rows of served slates: replayed from the log, or as they were logged.")
    ] = SlateRows.REPLAY,
    features: Annotated[
        Path | None, typer.Option(help="Feature names, one a line; by default the steady ones.", exists=True)
    ] = None,
    params: Annotated[
        Path | None, typer.Option(help="Fit parameters as tune.py found them.", exists=True, dir_okay=False)
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="Threads to fit with; 0: by the size of the data.")] = 0,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write what came of it here.", dir_okay=False)
    ] = None,
) -> None:
    """Train a ranker and register it. The first model becomes champion; later ones by promote.py."""
    with reported_errors():
        console = console_for(json_file)
        settings = Settings()
        assignment = Assignment(
            name,
            parse_time(start) if start else BEGINNING,
            parse_time(until) if until else END,
            round(counter_delay * SECOND),
            space,
            from_slates,
            read_names(features) if features else (),
            replace(read_params(params) if params else FitParams(), num_threads=threads),
        )
        registry = Registry(models_dir or settings.models_dir, fingerprint_of)
        with opened(data_dir) as store, watching() as watch:
            trained = train(store, registry, assignment, settings.champion, watch)
        fitted, data = trained.fitted, trained.data
        console.print(f"registered {trained.reference}", highlight=False)
        console.print(
            f"  {data.impressions:,} impressions ({data.rows:,} rows) from {format_time(data.start)} to "
            f"{format_time(data.until)}; {len(fitted.features)} features; {fitted.rounds} rounds",
            highlight=False,
            soft_wrap=True,
        )
        if fitted.selection is not None:
            console.print(f"  on its own last impressions: AUC {fitted.selection.auc:.4f}", highlight=False)
        if trained.made_champion:
            console.print(f"  it is now {settings.champion!r}: there was none", highlight=False)
        else:
            console.print(
                f"  to serve it: python scripts/promote.py {trained.reference} --data-dir {data_dir}",
                highlight=False,
                soft_wrap=True,
            )
        manifest = registry.manifest(trained.reference)
        summary = manifest.model_dump(include={"metrics", "data", "counter_delay_s", "space", "params", "git_commit"})
        write_json(
            json_file,
            {
                "model": trained.reference,
                "champion": trained.made_champion,
                **summary,
                "features": list(fitted.features),
            },
        )


if __name__ == "__main__":
    app()
