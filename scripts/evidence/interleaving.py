"""Interleaving and an A/B test of the same two rankers: how many users each takes for the same decision."""

from pathlib import Path
from typing import Annotated

import plotly.graph_objects as go
import typer

from feedrank.analysis.evidence import interleaving
from feedrank.analysis.evidence.publish import check_paths, publish
from feedrank.analysis.page import Plot
from feedrank.training.console import reported_errors, watching

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    experiments: Annotated[int, typer.Option(min=100, help="Simulated tests of each kind.")] = 10_000,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page here.", dir_okay=False)] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the claims here.", dir_okay=False)] = None,
) -> None:
    """Users for 80% power, interleaved and by A/B test. Exit 1 if a claim does not hold."""
    with reported_errors():
        check_paths(report, json_file)
        with watching() as watch:
            outcome = interleaving.run(experiments, progress=watch("readers' weeks", interleaving.READERS))
        names, users = list(outcome.users), list(outcome.users.values())
        figure = go.Figure(go.Bar(x=users, y=names, orientation="h", text=[f"{n:,}" for n in users]))
        figure.update_xaxes(type="log", dtick=1, title="users for 80% power")
        figure.update_yaxes(autorange="reversed")
        caption = f"The control's readers click {outcome.lift:.1%} more than the challenger's."
        publish(
            "Interleaving and A/B test",
            "scripts/evidence/interleaving.py --report interleaving.html",
            [("Users for the same decision", outcome.claims, [Plot(figure, caption)])],
            report,
            json_file,
            {"users": outcome.users, "lift": outcome.lift},
        )


if __name__ == "__main__":
    app()
