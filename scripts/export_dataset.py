"""Writes feature rows, labels, groups and times of past impressions as Parquet, for a notebook."""

from pathlib import Path
from typing import Annotated

import typer

from feedrank.features import FEATURES, NAMES
from feedrank.training.console import console_for, opened, reported_errors, watching, write_json
from feedrank.training.dataset import View, build
from feedrank.training.export import as_table, write_parquet
from feedrank.training.feature_choice import check_names, read_names
from feedrank.training.period import AUTO_SPACE, BEGINNING, END, SlateRows, read_period
from feedrank.training.times import parse_time
from feedrank.types import SECOND

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


def list_features(wanted: bool) -> None:
    if wanted:
        for feature in FEATURES:
            typer.echo(f"{feature.name:28} {feature.family:14} {feature.doc}")
        raise typer.Exit


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory.", file_okay=False)],
    out_file: Annotated[Path, typer.Option("--out", help="The Parquet file to write.", dir_okay=False)],
    start: Annotated[str | None, typer.Option("--from", help="Impressions from here on (ISO; UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="... and before this.")] = None,
    counter_delay: Annotated[
        float, typer.Option(min=0, help="Seconds by which item counters lag behind imported events.")
    ] = 0.0,
    space: Annotated[
        str, typer.Option(help='The vector space; "auto": the one with most vectors, "": none.')
    ] = AUTO_SPACE,
    from_slates: Annotated[
        SlateRows, typer.Option(help="Rows of served slates: replayed from the log, or as they were logged.")
    ] = SlateRows.REPLAY,
    features: Annotated[
        Path | None, typer.Option(help="Feature names, one a line; by default all.", exists=True, dir_okay=False)
    ] = None,
    listing: Annotated[
        bool, typer.Option("--list-features", help="List all features and stop.", is_eager=True, callback=list_features)
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write what came of it here.", dir_okay=False)
    ] = None,
) -> None:
    """Export a data set: columns group, request_id, time, user (a number), item_id, label, seen, and the features."""
    with reported_errors():
        console = console_for(json_file)
        names = check_names(read_names(features)) if features else NAMES
        first, last = (parse_time(start) if start else BEGINNING), (parse_time(until) if until else END)
        with opened(data_dir) as store, watching() as watch:
            reading = watch("reading the log", store.position())
            period = read_period(store, first, last, space=space, progress=reading)
            view = View(round(counter_delay * SECOND), period.space, logged_rows=from_slates == SlateRows.LOGGED)
            replaying = watch("replaying impressions", len(period.examples))
            dataset = build(period.facts, period.examples, view, names, replaying)
            table = as_table(dataset, store)
        write_parquet(table, out_file)
        console.print(
            f"{out_file}: {len(dataset):,} impressions, {table.height:,} rows, {len(names)} features", highlight=False
        )
        write_json(
            json_file,
            {"impressions": len(dataset), "rows": table.height, "features": list(names), "space": period.space},
        )


if __name__ == "__main__":
    app()
