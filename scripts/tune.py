"""Searches for fit parameters within a time budget; the study is kept, and a later run goes on with it."""

import time
from pathlib import Path
from typing import Annotated

import typer

from feedrank.training.console import console_for, opened, reported_errors, watching, write_json
from feedrank.training.feature_choice import read_names, varying
from feedrank.training.period import AUTO_SPACE, BEGINNING, END
from feedrank.training.times import parse_time
from feedrank.training.train import Assignment, collect
from feedrank.training.tune import SEEDS, tune, write_params
from feedrank.types import SECOND

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory.", file_okay=False)],
    out: Annotated[Path, typer.Option(help="Write the best parameters here, for train.py --params.", dir_okay=False)],
    study: Annotated[Path, typer.Option(help="The study's file; made if it is not there.", dir_okay=False)],
    minutes: Annotated[float, typer.Option(min=0, help="Start no trial after so long.")] = 30.0,
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
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write what came of it here.", dir_okay=False)
    ] = None,
) -> None:
    """Tune a ranker on the last stretch of its training period; each trial is the mean of three seeds."""
    with reported_errors():
        console = console_for(json_file)
        assignment = Assignment(
            "tuned",
            parse_time(start) if start else BEGINNING,
            parse_time(until) if until else END,
            round(counter_delay * SECOND),
            space,
            features=read_names(features) if features else (),
        )
        with opened(data_dir) as store, watching() as watch:
            dataset, _ = collect(store, assignment, watch)
            deadline = time.time_ns() // 1000 + round(minutes * 60 * SECOND)
            names = varying(dataset.features, dataset.rows)
            found = tune(dataset, names, assignment.params, study, deadline, watch("trials", None))
        write_params(out, found.params)
        console.print(
            f"{found.trials} trials of {len(SEEDS)} seeds; best AUC {found.auc:.4f}, with the defaults "
            f"{found.default_auc:.4f}; parameters are in {out}",
            highlight=False,
            soft_wrap=True,
        )
        write_json(
            json_file,
            {
                "trials": found.trials,
                "auc": found.auc,
                "default_auc": found.default_auc,
                "params": found.params.as_json(),
            },
        )


if __name__ == "__main__":
    app()
