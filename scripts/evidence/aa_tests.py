"""Tests of nothing against nothing: false positives at a fixed horizon, under daily peeking, and of the split check."""

from pathlib import Path
from typing import Annotated

import typer

from feedrank.analysis.evidence import aa, peeking
from feedrank.analysis.evidence.figures import forest, level_histogram, lines
from feedrank.analysis.evidence.publish import check_paths, publish
from feedrank.analysis.page import Plot
from feedrank.training.console import reported_errors, watching

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    experiments: Annotated[int, typer.Option(min=100, help="Simulated experiments.")] = 10_000,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page here.", dir_okay=False)] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the claims here.", dir_okay=False)] = None,
) -> None:
    """A/A tests. Exit 1 if a claim does not hold."""
    with reported_errors():
        check_paths(report, json_file)
        with watching() as watch:
            fixed = aa.run(experiments, progress=watch("tests at a fixed horizon", experiments))
            peeked = peeking.run(experiments, progress=watch("tests looked at daily", experiments))
        split = aa.split_alarms(experiments)
        by_day = {
            "fixed-horizon test, misused": peeked.naive_by_day,
            "always-valid test": peeked.valid_by_day,
        }
        days = list(range(1, len(peeked.naive_by_day) + 1))
        publish(
            "A/A tests",
            "scripts/evidence/aa_tests.py --report aa_tests.html",
            [
                (
                    "At a fixed horizon",
                    fixed.claims,
                    [
                        Plot(
                            forest(fixed.claims, "share of A/A tests called", (0.044, 0.056)), "Band: 5% ± 0.6 points."
                        ),
                        Plot(
                            level_histogram(fixed.histograms),
                            "p values of A/A tests are uniform; those of a share come in steps.",
                        ),
                    ],
                ),
                (
                    "Looked at every day",
                    peeked.claims,
                    [
                        Plot(
                            lines(days, by_day, "day of the look", "share of A/A tests called so far"),
                            "Click rate. Looks count from 100 users an arm on; the always-valid test is tuned to 10%.",
                        )
                    ],
                ),
                ("Sample-ratio mismatch", split, []),
            ],
            report,
            json_file,
        )


if __name__ == "__main__":
    app()
