"""Drift as a page. Knows nothing of how it was measured."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from feedrank.analysis.model_report.spans import error_bars, spread
from feedrank.analysis.page import Block, Callout, Cell, Page, Plot, Section, Status, Table, Text
from feedrank.analysis.theme import BLUE, MUTED
from feedrank.training.audit.drift import MOVED, SHIFTED, DayOfProbabilities, Drift, moved
from feedrank.training.times import format_time


def drift_page(
    reference: str, periods: tuple[str, str], found: Sequence[Drift], days: Sequence[DayOfProbabilities]
) -> Page:
    """The page of a model; `periods` say in words what was compared with what."""
    facts = (("model", reference), ("reference", periods[0]), ("now", periods[1]))
    sections = [Section("Inputs", _inputs(found)), Section("Click probability by day", _probabilities(days))]
    return Page(f"Drift of {reference}", "How far its inputs and its calibration have moved", facts, sections)


def _inputs(found: Sequence[Drift]) -> list[Block]:
    some = moved(found)
    if some:
        names = ", ".join(drift.column for drift in some)
        head = Callout(Status.WARNING, f"{len(some)} of {len(found)} columns have moved", names)
    else:
        head = Callout(Status.GOOD, f"All {len(found)} columns are steady")
    rows: list[list[Cell]] = [
        [d.column, d.psi, d.verdict, d.mean_before, d.mean_now, f"{d.unknown_before:.1%}", f"{d.unknown_now:.1%}"]
        for d in found
    ]
    columns = ("column", "index", "", "mean before", "mean now", "unknown before", "unknown now")
    text = Text(
        f"Population stability index over tenths of the reference: below {MOVED:g} steady, from {SHIFTED:g} on another "
        "population. An index says that rows differ, not that the model ranks them worse."
    )
    return [head, text, Table(columns, rows)]


def _probabilities(days: Sequence[DayOfProbabilities]) -> list[Block]:
    if not days:
        return [Text("This model gives no click probability: there is no calibration to drift.")]
    figure = go.Figure(layout={"showlegend": False})
    figure.add_scatter(
        x=[np.datetime64(d.day, "us") for d in days],
        y=[d.excess.mean for d in days],
        mode="markers+lines",
        line={"color": BLUE},
        error_y=error_bars([d.excess for d in days]),
    )
    figure.add_hline(y=0.0, line={"color": MUTED, "width": 1, "dash": "dash"})
    figure.update_yaxes(title="probability said less share clicked")
    rows: list[list[Cell]] = [
        [format_time(d.day)[:10], d.rows, d.said, d.clicked, d.excess.mean, spread(d.excess, 4)] for d in days
    ]
    return [Plot(figure), Table(("day", "rows", "said", "clicked", "excess", "95%"), rows, decimals=4)]
