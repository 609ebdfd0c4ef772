"""Plots of an experiment report. Knows nothing of how readings came about."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from feedrank.analysis.experiment_report.breakdown import Day
from feedrank.analysis.experiment_report.readings import Reading
from feedrank.analysis.theme import BLUE, MUTED, SKY, VERMILION
from feedrank.training.times import format_time
from feedrank.types import DAY, Micros

MOST_SHOWN = 1.5  # times the widest interval of a metric with users enough; wider ones run off the plot


def effects(labels: Sequence[str], readings: Sequence[Reading], final: bool) -> go.Figure:
    """Relative effects with their intervals, one a line: always-valid ones thin, fixed-horizon ones thick."""
    figure = go.Figure()
    pairs = zip(labels, readings, strict=True)
    known = [(label, r) for label, r in pairs if np.isfinite([r.relative, *r.fixed, *r.sequential]).all()]
    for i, (label, r) in enumerate(known):
        for (low, high), width, name, colour in (
            (r.sequential, 2, "always valid", SKY),
            (r.fixed, 6, "fixed horizon", BLUE),
        ):
            figure.add_scatter(
                x=[low, high],
                y=[label, label],
                mode="lines",
                line={"width": width, "color": colour},
                name=name,
                legendgroup=name,
                showlegend=i == 0,
            )
        excludes = not r.bounds(final)[0] <= 0 <= r.bounds(final)[1]
        figure.add_scatter(
            x=[r.relative],
            y=[label],
            mode="markers",
            marker={"size": 10, "color": VERMILION if excludes else MUTED},
            showlegend=False,
        )
    figure.add_vline(x=0, line_color=MUTED, line_dash="dot")
    figure.update_layout(height=130 + 34 * len(known), xaxis_title="relative effect", xaxis_tickformat="+.0%")
    bounds = [abs(x) for _, r in known if r.enough and r.seen is None for x in (*r.sequential, *r.fixed)]
    if bounds:
        widest = MOST_SHOWN * max(bounds)
        figure.update_xaxes(range=[-widest, widest], autorange=False)
    figure.update_yaxes(autorange="reversed")
    return figure


def over_time(days: Sequence[Day], origin: Micros) -> go.Figure:
    """The effect as each day's report would have given it, within both intervals."""
    dates = [_date(origin + d.day * DAY) for d in days]
    figure = go.Figure()
    for name, colour, opacity, bounds in (
        ("always valid", SKY, 0.25, [d.reading.sequential for d in days]),
        ("fixed horizon (one look only)", BLUE, 0.25, [d.reading.fixed for d in days]),
    ):
        lows, highs = [b[0] for b in bounds], [b[1] for b in bounds]
        figure.add_scatter(
            x=[*dates, *reversed(dates)],
            y=[*highs, *reversed(lows)],
            fill="toself",
            mode="none",
            fillcolor=colour,
            opacity=opacity,
            name=name,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=dates, y=[d.reading.relative for d in days], mode="lines+markers", line_color=VERMILION, name="effect so far"
    )
    figure.add_hline(y=0, line_color=MUTED, line_dash="dot")
    figure.update_layout(yaxis_title="relative effect so far", yaxis_tickformat="+.1%", xaxis_title="up to the end of")
    return figure


def _date(time: Micros) -> str:
    return format_time(time)[:10]
