"""Says what an experiment says: ship, do not ship, keep running or broken, and why. Or plans one from the same log."""

from pathlib import Path
from typing import Annotated

import typer

from feedrank.analysis.experiment_report import (
    Question,
    Trial,
    analyse,
    load_definitions,
    make_plan,
    plan_json,
    plan_page,
    report_json,
    report_page,
)
from feedrank.analysis.page import check_report_path, write_page
from feedrank.errors import InvalidInput
from feedrank.training.console import console_for, err, opened, reported_errors, watching, write_json
from feedrank.training.period import END
from feedrank.training.times import parse_time

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory.", file_okay=False)],
    experiment: Annotated[str | None, typer.Option(help="The experiment's name.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page here.", dir_okay=False)] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything here.", dir_okay=False)] = None,
    until: Annotated[str | None, typer.Option(help="Leave out what came later (ISO; UTC).")] = None,
    horizon: Annotated[
        str | None, typer.Option(help="The end fixed beforehand, where the definition names none (ISO; UTC).")
    ] = None,
    control: Annotated[str, typer.Option(help="The control, where the log does not define the experiment.")] = "",
    unit: Annotated[str, typer.Option(help="user or session, where the log does not define it.")] = "user",
    metrics: Annotated[Path | None, typer.Option(help="Your own metrics, added to the shipped ones (TOML).")] = None,
    plan: Annotated[
        float | None, typer.Option(help="Plan a test instead: the least relative effect that matters, as 0.02.")
    ] = None,
    traffic: Annotated[float, typer.Option(help="With --plan: the share of users in the test.")] = 1.0,
    treated: Annotated[float, typer.Option(help="With --plan: the share of these that are treated.")] = 0.5,
) -> None:
    """Report on an experiment, or plan one. Give --experiment NAME or --plan EFFECT."""
    with reported_errors():
        if (experiment is None) == (plan is None):
            raise InvalidInput("give either --experiment NAME to report on, or --plan EFFECT to plan for")
        console = console_for(json_file)
        if report is not None:
            check_report_path(report)
        definitions = load_definitions(metrics)
        with opened(data_dir) as store, watching() as watch:
            if plan is not None:
                made = make_plan(store, Trial(plan, traffic, treated), definitions, watch)
                page, values = plan_page(made), plan_json(made)
                lines = [_run_time(o.metric.title, o.days, o.steps[-1].days, o.users) for o in made.outlooks]
            else:
                question = Question(
                    experiment or "",
                    parse_time(until) if until else END,
                    parse_time(horizon) if horizon else 0,
                    control,
                    unit,
                )
                found = analyse(store, question, definitions, watch)
                page, values = report_page(found), report_json(found)
                lines = [v.sentence for v in found.verdicts] or [page.subtitle]
                for warning in found.health.warnings:
                    err.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)
        for line in lines:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        if report is not None:
            write_page(report, page)
        write_json(json_file, values)


def _run_time(title: str, days: int, longest: int, users: int) -> str:
    time = f"{days} days" if days else f"more than the {longest} days there are"
    return f"{title}: {time} ({users:,} users in both arms)"


if __name__ == "__main__":
    app()
