"""Tells what each family of features, the objective and the training forms are worth."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from feedrank.training.ablate import BASE, ROUNDS, ablate, variants
from feedrank.training.bootstrap import Interval
from feedrank.training.console import console_for, opened, reported_errors, watching, write_json
from feedrank.training.feature_choice import read_names, varying
from feedrank.training.period import AUTO_SPACE, BEGINNING, END
from feedrank.training.times import parse_time
from feedrank.training.train import Assignment, collect
from feedrank.types import SECOND

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory.", file_okay=False)],
    start: Annotated[str | None, typer.Option("--from", help="Use impressions from here on (ISO; UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="... and before this; nothing later is looked at.")] = None,
    counter_delay: Annotated[
        float, typer.Option(min=0, help="Seconds by which item counters lag behind imported events.")
    ] = 0.0,
    space: Annotated[
        str, typer.Option(help='The vector space; "auto": the one with most vectors, "": none.')
    ] = AUTO_SPACE,
    features: Annotated[
        Path | None, typer.Option(help="Feature names, one a line; by default the steady ones.", exists=True)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals.")] = 1,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write what came of it here.", dir_okay=False)
    ] = None,
) -> None:
    """Fit without one thing at a time, and judge on the last stretch of the training period."""
    with reported_errors():
        console = console_for(json_file)
        assignment = Assignment(
            "ablated",
            parse_time(start) if start else BEGINNING,
            parse_time(until) if until else END,
            round(counter_delay * SECOND),
            space,
            features=read_names(features) if features else (),
        )
        with opened(data_dir) as store, watching() as watch:
            dataset, _ = collect(store, assignment, watch)
            names = varying(dataset.features, dataset.rows)
            fitting = watch("fitting variants", len(variants(names, assignment.params)))
            base, effects = ablate(dataset, names, assignment.params, seed, fitting)
        figures = ", ".join(f"{form} {auc:.4f}" for form, auc in base.items())
        console.print(f"{BASE}, {ROUNDS} trees, AUC: {figures}", highlight=False)
        table = Table("variant", "AUC as shown, less the base's (95%)", "padded", "with an outdated log")
        for effect in effects:
            table.add_row(effect.name, *(_told(each) for each in (effect.shown, effect.padded, effect.outdated)))
        console.print(table)
        write_json(json_file, {"base": base, "effects": [effect.as_json() for effect in effects]})


def _told(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.mean:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"


if __name__ == "__main__":
    app()
