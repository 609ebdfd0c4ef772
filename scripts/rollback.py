"""Goes back to the model version that was champion before the present one."""

from pathlib import Path
from typing import Annotated

import typer

from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.serving.activation import activate
from feedrank.serving.duty import wall_clock
from feedrank.settings import Settings
from feedrank.training.console import console_for, err, opened, reported_errors, write_json

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    name: Annotated[
        str, typer.Argument(help="A model, for its own earlier version; or the alias, for whatever was before.")
    ],
    reason: Annotated[str, typer.Option(help="Why; kept in the alias's history.")] = "rolled back by hand",
    alias: Annotated[str | None, typer.Option(help="The alias; by default FEEDRANK_CHAMPION, or champion.")] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Also tell the running workers of this data directory to swap.", file_okay=False),
    ] = None,
    models_dir: Annotated[
        Path | None, typer.Option(help="The registry; by default FEEDRANK_MODELS_DIR, or ./models.", file_okay=False)
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write what came of it here.", dir_okay=False)
    ] = None,
) -> None:
    """Roll back, after loading the version in a child process. Without --data-dir, servers load it when they start."""
    with reported_errors():
        console = console_for(json_file)
        settings = Settings()
        champion = alias or settings.champion
        registry = Registry(models_dir or settings.models_dir, fingerprint_of)
        present = registry.resolve_alias(champion)
        reference = registry.previous(champion, name)
        behind: tuple[str, ...] = ()
        if data_dir is None:
            registry.load(reference)
            registry.set_alias(champion, reference, reason)
        else:
            with opened(data_dir) as store:
                behind = activate(store, registry, reference, champion, reason, wall_clock).workers_behind
        console.print(f"{champion} is {reference} again; it was {present}", highlight=False, soft_wrap=True)
        if behind:
            err.print(f"not swapped yet: {', '.join(behind)}", highlight=False, soft_wrap=True)
        write_json(
            json_file, {"alias": champion, "model": reference, "previous": present, "workers_behind": list(behind)}
        )


if __name__ == "__main__":
    app()
