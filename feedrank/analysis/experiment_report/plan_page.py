"""A plan as a page for people and as JSON for machines.

Knows nothing of how it was made.
"""

from typing import Any

import plotly.graph_objects as go

from feedrank.analysis.experiment_report.plan import Outlook, Plan
from feedrank.analysis.page import Page, Plot, Section, Table, Text
from feedrank.analysis.theme import MUTED
from feedrank.training.times import format_time
from feedrank.types import DAY


def plan_page(plan: Plan) -> Page:
    """The page: run times, then what each number of days can find."""
    trial = plan.trial
    facts = [
        ("effect that matters", f"{trial.effect:.1%}, relative"),
        ("users in the test", f"{trial.traffic:.0%}"),
        ("of these treated", f"{trial.treated:.0%}"),
        ("read from", f"{format_time(plan.start)[:10]} to {format_time(plan.until - 1)[:10]}"),
        ("covariates from", f"the {plan.before_days} days before"),
        ("power, level", "80%, 5% two-sided"),
    ]
    rows = [_row(outlook) for outlook in plan.outlooks]
    columns = ("metric", "value now", "run time", "users needed", "smallest effect at the end", "with CUPED")
    blocks = [
        Table(columns, rows, "Run time: the first day at which the effect is found with 80% power, CUPED in use.")
    ]
    figure = go.Figure()
    for outlook in plan.outlooks:
        days, found = [s.days for s in outlook.steps], [s.smallest_adjusted for s in outlook.steps]
        figure.add_scatter(x=days, y=found, mode="lines+markers", name=outlook.metric.title)
    figure.add_hline(y=trial.effect, line_dash="dot", line_color=MUTED)
    figure.update_layout(
        xaxis_title="days",
        yaxis_title="smallest effect found",
        yaxis_tickformat=".1%",
        height=520,
        legend={"orientation": "v", "y": 1, "yanchor": "top", "x": 1.02},
    )
    figure.update_yaxes(type="log")
    text = (
        "The last days of the log are read as a test in which nothing was tried: users come in as they came then. A "
        "test runs whole weeks, so round up. To find the effect as "
        "surely while looking every day takes up to twice the users: always-valid intervals are wider."
    )
    silent = f" Without a value in this log: {', '.join(plan.silent)}." if plan.silent else ""
    return Page(
        "Plan of an experiment",
        "",
        facts,
        [
            Section("Run time", blocks),
            Section("By days", [Plot(figure)]),
            Section("How it was read", [Text(text + silent)]),
        ],
    )


def plan_json(plan: Plan) -> dict[str, Any]:
    """The same for machines; `days` is null where the log is too short to say."""
    return {
        "effect": plan.trial.effect,
        "traffic": plan.trial.traffic,
        "treated": plan.trial.treated,
        "start": format_time(plan.start),
        "days_read": (plan.until - plan.start) // DAY,
        "before_days": plan.before_days,
        "metrics": {
            o.metric.name: {
                "days": o.days or None,
                "users": o.users,
                "steps": [
                    {
                        "days": s.days,
                        "users": s.users,
                        "value": s.value,
                        "smallest": s.smallest,
                        "smallest_cuped": s.smallest_adjusted,
                    }
                    for s in o.steps
                ],
            }
            for o in plan.outlooks
        },
        "silent": list(plan.silent),
    }


def _row(outlook: Outlook) -> tuple[str, str, str, int, str, str]:
    last = outlook.steps[-1]
    run = f"{outlook.days} days" if outlook.days else f"> {last.days} days"
    found = (f"{last.smallest:.2%}", f"{last.smallest_adjusted:.2%}")
    return (outlook.metric.title, f"{last.value:.4g}", run, outlook.users, *found)
