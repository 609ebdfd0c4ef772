"""Imports events, and optionally items, from CSV, TSV, JSON lines or Parquet into a data directory."""

from pathlib import Path
from typing import Annotated

import typer

from feedrank.importers import TimeUnit, parse_flags, read_files
from feedrank.importers.console import run_import

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    events: Annotated[Path, typer.Option(help=".csv, .tsv, .jsonl or .parquet.", exists=True, dir_okay=False)],
    data_dir: Annotated[Path, typer.Option(help="The data directory; made if missing.", file_okay=False)],
    items: Annotated[
        Path | None, typer.Option(help="Items, in any of these formats.", exists=True, dir_okay=False)
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map", help="FIELD=COLUMN, where a column is not named as its field; item.FIELD=COLUMN for items."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="FIELD=VALUE, the same for every row, e.g. action=CLICK.")
    ] = None,
    map_action: Annotated[
        list[str] | None, typer.Option(help="VALUE=ACTION, where the action column has its own words.")
    ] = None,
    time_unit: Annotated[
        TimeUnit | None, typer.Option(help="What numbers in time columns are; text times are ISO 8601.")
    ] = None,
    serve_unlisted: Annotated[
        bool | None,
        typer.Option(
            help="Serve items that have no item record. Unless given: if there is no --items and the events name any.",
            show_default=False,
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the summary here, for machines.", dir_okay=False)
    ] = None,
) -> None:
    """Import a table of events; columns are named as the contract's fields or mapped. Safe to repeat."""
    unlisted = False if serve_unlisted is None and items is not None else serve_unlisted
    run_import(
        lambda: read_files(events, items, parse_flags(map_ or [], set_ or [], map_action or [], time_unit)),
        data_dir,
        json_file,
        unlisted,
    )


if __name__ == "__main__":
    app()
