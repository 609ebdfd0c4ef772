"""A planted effect is found as often as planned, and CUPED takes away the variance that the correlation allows."""

from pathlib import Path
from typing import Annotated

import typer

from feedrank.analysis.evidence import planted
from feedrank.analysis.evidence.figures import forest
from feedrank.analysis.evidence.publish import check_paths, publish
from feedrank.analysis.page import Plot
from feedrank.training.console import reported_errors, watching

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    experiments: Annotated[int, typer.Option(min=100, help="Simulated experiments a metric.")] = 10_000,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page here.", dir_okay=False)] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the claims here.", dir_okay=False)] = None,
) -> None:
    """A/B tests with a planted effect of 10%, planned for 80% power. Exit 1 if a claim does not hold."""
    with reported_errors():
        check_paths(report, json_file)
        with watching() as watch:
            outcome = planted.run(experiments, progress=watch("tests", experiments * len(planted.PLANNED)))
        publish(
            "Tests with a planted effect",
            "scripts/evidence/planted_effect.py --report planted_effect.html",
            [
                (
                    "Power",
                    outcome.power,
                    [
                        Plot(
                            forest(outcome.power, "share of tests that find the effect", (0.77, 0.83)),
                            "Band: 80% ± 3 points.",
                        )
                    ],
                ),
                (
                    "CUPED",
                    outcome.reductions,
                    [
                        Plot(
                            forest(outcome.reductions, "share of the variance taken away"),
                            "Against rho² of the two arms.",
                        )
                    ],
                ),
            ],
            report,
            json_file,
            {"users": outcome.users},
        )


if __name__ == "__main__":
    app()
