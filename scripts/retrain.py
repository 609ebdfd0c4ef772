"""Retrains on the newest data and promotes what the gate lets through: one command for a clock to call.

Exit codes: 0 promoted. 1 the store or the registry failed. 2 wrong flags, names or data. 3 trained and kept, but not
promoted: the gate says why. 4 another retraining of this registry runs; nothing was done.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.serving.activation import activate
from feedrank.serving.duty import wall_clock
from feedrank.settings import Settings
from feedrank.training.audit.settings import AuditSettings, read_audit_settings
from feedrank.training.console import err, opened, reported_errors, watching
from feedrank.training.feature_choice import read_names
from feedrank.training.fit import FitParams
from feedrank.training.gate import Retrained, Retraining, Terms, alone, described, reason_of, retrain
from feedrank.training.period import AUTO_SPACE, SlateRows
from feedrank.training.train import Assignment
from feedrank.types import DAY, HOUR, SECOND

NOT_PROMOTED, ALREADY_RUNNING = 3, 4

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory.", file_okay=False)],
    name: Annotated[str, typer.Option(help="The model's name; every run adds a version.")],
    holdout_hours: Annotated[
        float, typer.Option(min=1, help="The last hours of the log, held back to compare on.")
    ] = 24.0,
    days: Annotated[
        float | None, typer.Option(min=1, help="Train on so many days before them; by default on everything.")
    ] = None,
    allow_equal: Annotated[
        bool, typer.Option("--allow-equal", help="Promote what is proven not worse, for its fresher data.")
    ] = False,
    audit_settings: Annotated[
        Path | None,
        typer.Option(help="The audit's limits as TOML, as audit.py takes them.", exists=True, dir_okay=False),
    ] = None,
    counter_delay: Annotated[
        float, typer.Option(min=0, help="Seconds by which item counters lag behind imported events.")
    ] = 0.0,
    models_dir: Annotated[
        Path | None, typer.Option(help="The registry; by default FEEDRANK_MODELS_DIR, or ./models.", file_okay=False)
    ] = None,
    alias: Annotated[str | None, typer.Option(help="The alias; by default FEEDRANK_CHAMPION, or champion.")] = None,
    space: Annotated[
        str, typer.Option(help='The vector space; "auto": the one with most vectors, "": none.')
    ] = AUTO_SPACE,
    features: Annotated[
        Path | None, typer.Option(help="Feature names, one a line; by default the steady ones.", exists=True)
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="Threads to fit with; 0: by the size of the data.")] = 0,
) -> None:
    """Train on all but the last stretch, compare with the champion on it, promote what is proven better.

    Stdout gets one line of JSON, for a file that grows by a line a run. Exit codes: 0 promoted, 1 the store or the
    registry failed, 2 wrong flags or data, 3 trained but not promoted, 4 another retraining runs. Killed at any moment,
    it leaves no half-written version, and the next run clears away what is left.
    """
    with reported_errors():
        settings = Settings()
        models = models_dir or settings.models_dir
        registry = Registry(models, fingerprint_of)
        assignment = Assignment(
            name,
            counter_delay=round(counter_delay * SECOND),
            space=space,
            slate_rows=SlateRows.REPLAY,
            features=read_names(features) if features else (),
            params=FitParams(num_threads=threads),
        )
        plan = Retraining(
            assignment,
            alias or settings.champion,
            round(holdout_hours * HOUR),
            None if days is None else round(days * DAY),
            Terms(allow_equal),
            read_audit_settings(audit_settings) if audit_settings else AuditSettings(),
        )
        with alone(models) as only, opened(data_dir) as store:
            if not only:
                err.print(f"another retraining of {models} is running; nothing was done", highlight=False)
                raise typer.Exit(ALREADY_RUNNING)
            with watching() as watch:
                done = retrain(store, registry, plan, watch)
            gate = done.gate
            behind: tuple[str, ...] = ()
            if not gate.against:
                why = reason_of(gate)
                behind = activate(store, registry, gate.challenger, plan.alias, why, wall_clock, gate).workers_behind
        err.print(described(gate), markup=False, highlight=False, soft_wrap=True)
        sys.stdout.write(json.dumps(_line(done, plan.alias, behind)) + "\n")
        if gate.against:
            raise typer.Exit(NOT_PROMOTED)


def _line(done: Retrained, alias: str, behind: tuple[str, ...]) -> dict[str, object]:
    """What came of it."""
    data = done.trained.data
    return {
        "model": done.trained.reference,
        "alias": alias,
        "promoted": not done.gate.against,
        "trained_on": data.model_dump(),
        "gate": done.gate.model_dump(mode="json"),
        "workers_behind": list(behind),
        "swept": list(done.swept),
    }


if __name__ == "__main__":
    app()
