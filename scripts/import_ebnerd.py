"""Imports EB-NeRD's behaviors, history and articles files into a data directory."""

from pathlib import Path
from typing import Annotated

import typer

from feedrank.importers import read_ebnerd
from feedrank.importers.console import run_import

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    behaviors: Annotated[list[Path], typer.Option(help="behaviors.parquet; repeatable.", exists=True, dir_okay=False)],
    data_dir: Annotated[Path, typer.Option(help="The data directory; made if missing.", file_okay=False)],
    history: Annotated[
        list[Path] | None,
        typer.Option(help="history.parquet; repeatable. Give all in one import.", exists=True, dir_okay=False),
    ] = None,
    articles: Annotated[
        Path | None, typer.Option(help="articles.parquet, if there is one.", exists=True, dir_okay=False)
    ] = None,
    serve_unlisted: Annotated[
        bool | None,
        typer.Option(
            help="Serve items that have no item record. Unless given: if the events name any.", show_default=False
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the summary here, for machines.", dir_okay=False)
    ] = None,
) -> None:
    """Import EB-NeRD: impressions become views, clicks and dwell, histories earlier reads. Safe to repeat."""
    run_import(lambda: read_ebnerd(behaviors, history or [], articles), data_dir, json_file, serve_unlisted)


if __name__ == "__main__":
    app()
