"""Makes a registered model version the champion: what `serve` loads."""

from pathlib import Path
from typing import Annotated

import typer

from feedrank.errors import Conflict, InvalidInput
from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.serving.activation import activate
from feedrank.serving.duty import wall_clock
from feedrank.settings import Settings
from feedrank.training.console import console_for, err, opened, reported_errors, write_json

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    model: Annotated[str, typer.Argument(help="NAME@VERSION, or NAME for its newest version.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the alias's history.")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Though it is trained for other conditions; give a reason.")
    ] = False,
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
    """Promote a version, after loading it in a child process. Without --data-dir, servers load it when they start."""
    with reported_errors():
        console = console_for(json_file)
        settings = Settings()
        champion = alias or settings.champion
        registry = Registry(models_dir or settings.models_dir, fingerprint_of)
        if force and not reason:
            raise InvalidInput("--force needs a --reason: someone will ask")
        present = registry.resolve_alias(champion)
        reference = registry.resolve(model)
        doubts = registry.doubts(reference, champion)
        if doubts and not force:
            raise Conflict(f"{reference}: it {'; it '.join(doubts)}. If that is meant, add --force --reason WHY")
        why = reason or "promoted by hand"
        behind: tuple[str, ...] = ()
        if data_dir is None:
            registry.load(reference)
            registry.set_alias(champion, reference, why)
        else:
            with opened(data_dir) as store:
                behind = activate(store, registry, reference, champion, why, wall_clock).workers_behind
        console.print(f"{champion} is {reference}; it was {present or 'not set'}", highlight=False, soft_wrap=True)
        if behind:
            err.print(f"not swapped yet: {', '.join(behind)}", highlight=False, soft_wrap=True)
        write_json(
            json_file, {"alias": champion, "model": reference, "previous": present, "workers_behind": list(behind)}
        )


if __name__ == "__main__":
    app()
