"""Imports MIND's news.tsv and behaviors.tsv into a data directory."""

from pathlib import Path
from typing import Annotated

import typer

from feedrank.importers import read_mind
from feedrank.importers.console import run_import

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    news: Annotated[
        list[Path], typer.Option(help="news.tsv; give several (train, dev) to merge them.", exists=True, dir_okay=False)
    ],
    behaviors: Annotated[
        list[Path], typer.Option(help="behaviors.tsv, with labels; several are merged.", exists=True, dir_okay=False)
    ],
    data_dir: Annotated[Path, typer.Option(help="The data directory; made if missing.", file_okay=False)],
    extra: Annotated[
        Path | None,
        typer.Option(
            help="TSV with header: news_id, publisher, date_published, sentiment.", exists=True, dir_okay=False
        ),
    ] = None,
    serve_unlisted: Annotated[
        bool | None,
        typer.Option(
            help="Serve items that have no item record. Unless given: if the impressions show any.", show_default=False
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the summary here, for machines.", dir_okay=False)
    ] = None,
) -> None:
    """Import MIND: articles become items, impressions views and clicks, histories earlier reads. Safe to repeat."""
    run_import(lambda: read_mind(news, behaviors, extra), data_dir, json_file, serve_unlisted)


if __name__ == "__main__":
    app()
