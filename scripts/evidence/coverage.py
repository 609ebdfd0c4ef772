"""How often 95% intervals hold the truth: every kind of metric, relative effects, heavy tails."""

from pathlib import Path
from typing import Annotated

import typer

from feedrank.analysis.evidence import coverage
from feedrank.analysis.evidence.figures import forest, lines
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
    """Coverage of intervals. Exit 1 if a claim does not hold."""
    with reported_errors():
        check_paths(report, json_file)
        with watching() as watch:
            claims = coverage.run(experiments, progress=watch("planted effects", experiments))
            sizes = len(coverage.SHARES_OF_THE_RULE)
            tails = coverage.heavy_tails(experiments, progress=watch("heavy tails", experiments * sizes))
        held = [tail.coverage.measured for tail in tails]
        figure = lines([tail.users for tail in tails], {"log-normal mean": held}, "users", "coverage")
        figure.update_xaxes(type="log")
        figure.add_hrect(y0=0.944, y1=0.956, opacity=0.12, line_width=0, fillcolor="#009E73")
        rule = [tail.coverage for tail in tails]
        publish(
            "Coverage of 95% intervals",
            "scripts/evidence/coverage.py --report coverage.html",
            [
                (
                    "Every kind of metric",
                    claims,
                    [Plot(forest(claims, "coverage", (0.944, 0.956)), "Band: 95% ± 0.6 points.")],
                ),
                (
                    "Heavy tails",
                    rule,
                    [
                        Plot(
                            figure,
                            f"Skewness {coverage.SKEWNESS:.2f}. The last point has the users the rule asks for; "
                            "with fewer the report warns.",
                        )
                    ],
                ),
            ],
            report,
            json_file,
        )


if __name__ == "__main__":
    app()
