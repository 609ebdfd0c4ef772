"""Takes a LightGBM text model, fitted anywhere, back in as a verified version."""

from pathlib import Path
from typing import Annotated

import typer

from feedrank.errors import InvalidInput
from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.registry.golden import synthetic_rows
from feedrank.settings import Settings
from feedrank.training.console import console_for, reported_errors, write_json
from feedrank.training.feature_choice import check_names, read_names
from feedrank.training.train import git_commit, libraries

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    model_file: Annotated[Path, typer.Argument(help="What LightGBM's save_model wrote.", exists=True, dir_okay=False)],
    name: Annotated[str, typer.Option(help="The model's name; every run adds a version.")],
    features: Annotated[
        Path,
        typer.Option(help="The model's columns in its order, one feature name a line.", exists=True, dir_okay=False),
    ],
    space: Annotated[str, typer.Option(help="The vector space its features read, if any.")] = "",
    counter_delay: Annotated[float, typer.Option(min=0, help="Seconds of counter delay it was trained with.")] = 0.0,
    notes: Annotated[str, typer.Option(help="Where it comes from; kept in its manifest.")] = "",
    models_dir: Annotated[
        Path | None, typer.Option(help="The registry; by default FEEDRANK_MODELS_DIR, or ./models.", file_okay=False)
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write what came of it here.", dir_okay=False)
    ] = None,
) -> None:
    """Register a model. It is parsed in a child process first; what it gives there are its golden scores."""
    with reported_errors():
        console = console_for(json_file)
        names = check_names(read_names(features))
        try:
            text = model_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{model_file}: it is no text model of LightGBM: {error}") from error
        registry = Registry(models_dir or Settings().models_dir, fingerprint_of)
        reference = registry.publish(
            name,
            text,
            names,
            space,
            synthetic_rows(len(names)),
            counter_delay_s=counter_delay,
            libraries=libraries(),
            git_commit=git_commit(),
            notes=notes,
        )
        console.print(f"registered {reference}: {len(names)} features", highlight=False, soft_wrap=True)
        console.print(
            f"  to serve it: python scripts/promote.py {reference} --data-dir DIR", highlight=False, soft_wrap=True
        )
        write_json(json_file, {"model": reference, "features": list(names)})


if __name__ == "__main__":
    app()
