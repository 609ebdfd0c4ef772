"""Guardrails on rare events, standing exactly at their margin: how often they are wrongly said to hold, or violated."""

from pathlib import Path
from typing import Annotated

import typer

from feedrank.analysis.evidence import few_events
from feedrank.analysis.evidence.figures import forest
from feedrank.analysis.evidence.publish import check_paths, publish
from feedrank.analysis.page import Plot
from feedrank.training.console import reported_errors, watching

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    experiments: Annotated[int, typer.Option(min=100, help="Simulated experiments a case.")] = 10_000,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page here.", dir_okay=False)] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the claims here.", dir_okay=False)] = None,
) -> None:
    """Errors of guardrails on few events. Exit 1 if a claim does not hold."""
    with reported_errors():
        check_paths(report, json_file)
        with watching() as watch:
            poisson = few_events.exact(progress=watch("every pair of Poisson counts", few_events.CASES))
            kinds = len(few_events.CLUSTERS)
            clustered = few_events.clustered(experiments, progress=watch("users who do it several times", kinds))
            total = experiments * len(few_events.PEEKED_EVENTS)
            peeked = few_events.peeked(experiments, progress=watch("tests looked at daily", total))
        title, band = "share said of a guardrail at its margin", (0.0, few_events.TAIL)
        publish(
            "Guardrails on few events",
            "scripts/evidence/few_events.py --report few_events.html",
            [
                ("Poisson counts, exactly", poisson, [Plot(forest(poisson, title, band), "The worst of all cases.")]),
                ("Users who do it several times", clustered, [Plot(forest(clustered, title, band))]),
                ("Looked at every day", peeked, [Plot(forest(peeked, title, (0.0, 0.05)))]),
            ],
            report,
            json_file,
        )


if __name__ == "__main__":
    app()
