"""How every figure of a report looks: fonts, grid, and colours that a colour-blind reader tells apart.

Knows nothing of reports or of what is plotted.
"""

import plotly.graph_objects as go

# Okabe, Ito: "Color Universal Design" (2008), black first for the line that matters, yellow left out on white.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
COLOURS: tuple[str, ...] = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY)
INK, MUTED, RULE = "#1f2328", "#59636e", "#d8dee4"  # text, text beside it, lines; all legible on white
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', 'DejaVu Sans', sans-serif"

HEIGHT = 380  # pixels; a figure that sets its own keeps it

_AXIS = {
    "gridcolor": "#eceff2",
    "linecolor": RULE,
    "zerolinecolor": RULE,
    "ticks": "outside",
    "tickcolor": RULE,
    "automargin": True,
    "title": {"standoff": 10},
}

TEMPLATE = go.layout.Template(
    layout={
        "colorway": COLOURS,
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "height": HEIGHT,
        "margin": {"l": 60, "r": 24, "t": 36, "b": 56},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "xanchor": "left", "x": 0},
        "hoverlabel": {"font": {"family": FONT}},
        "bargap": 0.25,
    }
)


def themed(figure: go.Figure) -> go.Figure:
    """A copy of a figure in the one look; what the figure sets itself stays."""
    copy = go.Figure(figure)
    copy.update_layout(template=TEMPLATE, autosize=True)
    return copy
