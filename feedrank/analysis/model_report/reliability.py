"""A reliability diagram. Knows nothing of how the probabilities were made or measured."""

import numpy as np
import plotly.graph_objects as go

from feedrank.analysis.theme import BLUE, MUTED
from feedrank.training.calibrate import Reliability

TWO_SIDED = 1.96  # standard errors to either side of a 95% interval


def reliability_figure(measured: Reliability) -> go.Figure:
    """Predicted against observed, each bin with its 95% interval, beside the diagonal. At least one bin."""
    most = 1.05 * float(max(measured.predicted.max(), measured.observed.max()))
    error = TWO_SIDED * np.sqrt(measured.observed * (1.0 - measured.observed) / measured.rows)
    figure = go.Figure()
    figure.add_scatter(x=[0, most], y=[0, most], mode="lines", name="perfect", line={"color": MUTED, "dash": "dash"})
    figure.add_scatter(
        x=measured.predicted,
        y=measured.observed,
        mode="markers+lines",
        name="this model",
        line={"color": BLUE},
        error_y={"array": error.tolist(), "color": BLUE, "thickness": 1.5},
    )
    figure.update_xaxes(title="click probability predicted", rangemode="tozero")
    figure.update_yaxes(title="share clicked", rangemode="tozero")
    return figure
