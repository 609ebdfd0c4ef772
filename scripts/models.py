"""Lists the registry: every version with its aliases, or who was champion when, and why."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from feedrank.features import fingerprint_of
from feedrank.registry import Change, Registry
from feedrank.settings import Settings
from feedrank.training.console import console_for, reported_errors, write_json
from feedrank.training.gate import described
from feedrank.training.times import format_time

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    history: Annotated[
        bool, typer.Option("--history", help="Every change of the champion, oldest first, with what the gate found.")
    ] = False,
    alias: Annotated[str | None, typer.Option(help="Whose history; by default FEEDRANK_CHAMPION, or champion.")] = None,
    models_dir: Annotated[
        Path | None, typer.Option(help="The registry; by default FEEDRANK_MODELS_DIR, or ./models.", file_okay=False)
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the list here.", dir_okay=False)] = None,
) -> None:
    """List all versions, newest first, or with --history how the champion came to be what it is."""
    with reported_errors():
        console = console_for(json_file)
        settings = Settings()
        registry = Registry(models_dir or settings.models_dir, fingerprint_of)
        whose = alias or settings.champion
        if history:
            changes = registry.history(whose)
            table = Table("when (UTC)", whose, "why", "what the gate found")
            for change in changes:
                table.add_row(format_time(change.at), change.reference, change.reason, _found(change))
            console.print(table)
            write_json(json_file, {"alias": whose, "history": [change.model_dump(mode="json") for change in changes]})
            return
        versions = registry.versions()
        table = Table("model", "aliases", "made (UTC)", "selection AUC")
        for version in versions:
            auc = version.metrics.get("selection_auc")
            shown = "" if auc is None else f"{auc:.4f}"
            table.add_row(version.reference, ", ".join(version.aliases), format_time(version.created_at), shown)
        console.print(table)
        listed = [
            {
                "model": v.reference,
                "aliases": list(v.aliases),
                "created_at": v.created_at,
                "metrics": dict(v.metrics),
            }
            for v in versions
        ]
        write_json(json_file, {"models": listed})


def _found(change: Change) -> str:
    return "" if change.gate is None else described(change.gate)


if __name__ == "__main__":
    app()
