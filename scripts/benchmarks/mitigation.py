"""Measures what calibrated re-ranking and exposure floors cost in nDCG, and what they bring, on a data directory.

On a simulated world (scripts/simulate.py), candidates are all articles a reader might have been shown and relevance is
the truth; on any other log, the impressions as shown and what was clicked.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from feedrank.analysis.mitigation import prices
from feedrank.analysis.mitigation_trials import final_catalog, impression_trials, world_of, world_trials
from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.settings import SelectorSettings, Settings
from feedrank.training.console import console_for, opened, reported_errors, watching, write_json
from feedrank.training.evaluate import load_scorer
from feedrank.training.period import AUTO_SPACE, END, read_period
from feedrank.training.times import parse_time
from feedrank.types import SECOND

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)

OFF = {"calibration": 0.0, "floor_new": 0.0, "floor_small": 0.0}
TRIED = (("calibration", (0.05, 0.1, 0.2, 0.5)), ("floor_new", (0.1, 0.2, 0.5)), ("floor_small", (0.1, 0.2)))
VARIANTS = {
    "off": SelectorSettings(**OFF),
    "default": SelectorSettings(),
    **{f"{name} {v}": SelectorSettings(**OFF | {name: v}) for name, values in TRIED for v in values},
    "all at 0.1": SelectorSettings(calibration=0.1, floor_new=0.1, floor_small=0.1),
    "no MMR": SelectorSettings(**OFF | {"diversity": 0.0}),
}


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory.", file_okay=False)],
    model: Annotated[str, typer.Option(help='NAME, NAME@VERSION, an alias, or "prior".')],
    start: Annotated[str, typer.Option("--from", help="Measure on impressions from here on (ISO; UTC).")],
    until: Annotated[str | None, typer.Option(help="... and before this.")] = None,
    most: Annotated[int, typer.Option(min=1, help="Requests taken of a simulated world.")] = 1_000,
    models_dir: Annotated[
        Path | None, typer.Option(help="The registry; by default FEEDRANK_MODELS_DIR, or ./models.", file_okay=False)
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here.", dir_okay=False)] = None,
) -> None:
    """Measure nDCG@10 and exposure with mitigation off and on."""
    with reported_errors():
        console = console_for(json_file)
        scorer, manifest, reference = load_scorer(Registry(models_dir or Settings().models_dir, fingerprint_of), model)
        delay = 0 if manifest is None else round(manifest.counter_delay_s * SECOND)
        space = AUTO_SPACE if manifest is None else manifest.space
        with opened(data_dir) as store, watching() as watch:
            period = read_period(
                store,
                parse_time(start),
                parse_time(until) if until else END,
                space=space,
                progress=watch("reading the log", store.position()),
            )
            world = world_of(store)
            if world is None:
                trials = impression_trials(period, scorer, delay)
            else:
                trials = world_trials(world, store, period, scorer, delay, most)
            progress = watch("ranking", None)
            counted = (trial for trial in trials if progress(1) is None)
            found = prices(counted, final_catalog(period, delay), VARIANTS)
        truth = "clicks" if world is None else "the truth of the simulated world"
        table = Table("", "nDCG@10", "change, 95%", "new", "small", "miscal.", title=f"relevance: {truth}")
        for each in found:
            span = f"{each.change.mean:+.2%} ({each.change.low:+.2%} to {each.change.high:+.2%})"
            exposures = (f"{each.exposure_new:.3f}", f"{each.exposure_small:.3f}", f"{each.miscalibration:.3f}")
            table.add_row(each.name, f"{each.ndcg:.4f}", span, *exposures)
        console.print(table)
        write_json(json_file, {"model": reference, "relevance": truth, "prices": [each.as_json() for each in found]})


if __name__ == "__main__":
    app()
