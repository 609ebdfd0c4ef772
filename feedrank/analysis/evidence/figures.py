"""Plots of the evidence. Knows nothing of how it came about."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from feedrank.analysis.evidence.claims import Claim
from feedrank.analysis.off_policy import Value
from feedrank.analysis.theme import BLUE, GREEN, MUTED, VERMILION


def forest(claims: Sequence[Claim], title: str, band: tuple[float, float] | None = None) -> go.Figure:
    """Each claim's figure with its interval, one a line, over the band it must lie in."""
    names = [c.what for c in claims]
    figure = go.Figure()
    if band is not None:
        figure.add_vrect(x0=band[0], x1=band[1], fillcolor=GREEN, opacity=0.12, line_width=0)
    figure.add_scatter(
        x=[c.measured for c in claims],
        y=names,
        mode="markers",
        marker={"color": [BLUE if c.holds else VERMILION for c in claims], "size": 9},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [c.high - c.measured for c in claims],
            "arrayminus": [c.measured - c.low for c in claims],
            "color": MUTED,
        },
        showlegend=False,
    )
    figure.update_layout(height=120 + 34 * len(claims), xaxis_title=title)
    figure.update_yaxes(autorange="reversed")
    return figure


def lines(xs: Sequence[float], series: Mapping[str, Sequence[float]], x_title: str, y_title: str) -> go.Figure:
    """Lines over one axis, by name."""
    figure = go.Figure()
    for name, values in series.items():
        figure.add_scatter(x=list(xs), y=list(values), mode="lines+markers", name=name)
    figure.update_layout(xaxis_title=x_title, yaxis_title=y_title)
    return figure


def level_histogram(histograms: Mapping[str, Sequence[int]]) -> go.Figure:
    """Histograms of p values, as shares of each: level at 1 / bins where the tests are right."""
    figure = go.Figure()
    for name, counts in histograms.items():
        bins, total = len(counts), sum(counts)
        middles = [(i + 0.5) / bins for i in range(bins)]
        shares = [c / total for c in counts]
        figure.add_scatter(x=middles, y=shares, mode="lines", line_shape="hvh", name=name)
    figure.add_hline(y=1.0 / bins, line_dash="dot", line_color=MUTED)
    figure.update_layout(xaxis_title="p value", yaxis_title="share of experiments")
    figure.update_yaxes(rangemode="tozero")
    return figure


def values(named: Sequence[tuple[str, Value]], title: str) -> go.Figure:
    """Estimates with their intervals, one a line, the first being what the others should agree with."""
    figure = go.Figure()
    known = named[0][1]
    figure.add_vrect(x0=known.low, x1=known.high, fillcolor=GREEN, opacity=0.12, line_width=0)
    figure.add_scatter(
        x=[v.value for _, v in named],
        y=[name for name, _ in named],
        mode="markers",
        marker={"color": [GREEN, *[BLUE] * (len(named) - 1)], "size": 9},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [v.high - v.value for _, v in named],
            "arrayminus": [v.value - v.low for _, v in named],
            "color": MUTED,
        },
        showlegend=False,
    )
    figure.update_layout(height=120 + 34 * len(named), xaxis_title=title)
    figure.update_yaxes(autorange="reversed")
    return figure
