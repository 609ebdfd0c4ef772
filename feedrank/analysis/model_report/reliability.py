"""Whether probabilities mean what they say: a reliability diagram and the expected calibration error.

Knows nothing of how the probabilities were made.
"""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from feedrank.analysis.theme import BLUE, MUTED
from feedrank.types import F64, AnyArray

BINS = 15  # as Guo et al., "On Calibration of Modern Neural Networks", ICML 2017; here of equal numbers of rows


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins of equally many rows, in order of probability: the mean probability, the share clicked, and rows (b,)."""

    said: F64
    found: F64
    rows: AnyArray

    @property
    def error(self) -> float:
        """The expected calibration error: mean |said - found| over rows."""
        return float((np.abs(self.said - self.found) * self.rows).sum() / self.rows.sum())


def reliability(probabilities: F64, clicked: AnyArray, bins: int = BINS) -> Reliability:
    """The reliability of probabilities (n,) against what happened (n,), n at least 1."""
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    said = np.array([float(probabilities[part].mean()) for part in parts])
    found = np.array([float((clicked[part] > 0).mean()) for part in parts])
    return Reliability(said, found, np.array([len(part) for part in parts]))


def reliability_figure(measured: Reliability) -> go.Figure:
    """Said against found, each bin with its 95% interval, beside the diagonal."""
    most = 1.05 * float(max(measured.said.max(), measured.found.max()))
    error = 1.96 * np.sqrt(measured.found * (1.0 - measured.found) / measured.rows)
    figure = go.Figure()
    figure.add_scatter(x=[0, most], y=[0, most], mode="lines", name="perfect", line={"color": MUTED, "dash": "dash"})
    bars = {"array": error.tolist(), "color": BLUE, "thickness": 1.5}
    figure.add_scatter(
        x=measured.said, y=measured.found, mode="markers+lines", name="this model", line={"color": BLUE}, error_y=bars
    )
    figure.update_xaxes(title="click probability said", rangemode="tozero")
    figure.update_yaxes(title="share clicked", rangemode="tozero")
    return figure
