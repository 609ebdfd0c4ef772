"""Line charts as SVG: a few lines with their ranges on linear or logarithmic axes, several charts beside one another.

Written by hand because reports' figures need a browser, and a page of documentation wants a small file that any viewer
shows. Knows nothing of what is charted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite, log10

# Okabe, Ito: "Color Universal Design" (2008): told apart by colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK, MUTED, GRID = "#1f2328", "#59636e", "#e3e7eb"
WIDTH, HEIGHT = 340, 250  # of one chart, pixels
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 30, 44  # margins around its plot area
_TICKS = 4


@dataclass(frozen=True, slots=True)
class Line:
    """One line: points in order of x, and each one's range where it is known. What is not finite is left out."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines on one pair of axes. `level` draws a dashed line at a bound of y."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    log_x: bool = False
    log_y: bool = False
    level: float | None = None


@dataclass(frozen=True, slots=True)
class _Axis:
    """Values to pixels along one axis, and where its ticks stand."""

    low: float
    high: float
    logarithmic: bool
    start: float  # pixel of `low`
    end: float

    def at(self, value: float) -> float:
        low, high, v = self.low, self.high, value
        if self.logarithmic:
            low, high, v = log10(low), log10(high), log10(max(value, self.low / 10))
        return self.start + (v - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        if self.logarithmic:
            exponents = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
            steps = (1, 2, 5) if len(exponents) <= 3 else (1,)
            marks = [m * 10.0**e for e in exponents for m in steps]
        else:
            step = _round_step((self.high - self.low) / _TICKS)
            marks = [k * step for k in range(ceil(self.low / step), floor(self.high / step) + 1)]
        return [mark for mark in marks if self.low * 0.999 <= mark <= self.high * 1.001]


def svg(charts: Sequence[Chart], columns: int = 3) -> str:
    """One SVG document of charts beside and below one another, with a legend where a chart has several lines."""
    columns = max(1, min(columns, len(charts)))
    rows = ceil(len(charts) / columns)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * WIDTH}" height="{rows * HEIGHT}" '
        f'font-family="Helvetica, Arial, DejaVu Sans, sans-serif" font-size="11" fill="{INK}">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for k, chart in enumerate(charts):
        parts += [f'<g transform="translate({k % columns * WIDTH},{k // columns * HEIGHT})">', *_chart(chart), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _chart(chart: Chart) -> list[str]:
    points = [(x, y) for line in chart.lines for x, y in _finite(line)]
    ends = [v for line in chart.lines for v in (*line.low, *line.high) if isfinite(v)]
    parts = [_text(LEFT, 16, chart.title, "start", bold=True)]
    if not points:
        return [*parts, _text(WIDTH / 2, HEIGHT / 2, "nothing measured", "middle", MUTED)]
    levels = [] if chart.level is None else [chart.level]
    x = _axis([p[0] for p in points], chart.log_x, LEFT, WIDTH - RIGHT, from_zero=False)
    y = _axis([*(p[1] for p in points), *ends, *levels], chart.log_y, HEIGHT - BOTTOM, TOP, from_zero=True)
    for mark in y.ticks():
        at = y.at(mark)
        parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="{GRID}" fill="none"/>')
        parts.append(_text(LEFT - 5, at + 4, _number(mark), "end", MUTED))
    marks = sorted({p[0] for p in points}) if len({p[0] for p in points}) <= _TICKS else x.ticks()
    parts += [_text(x.at(mark), HEIGHT - BOTTOM + 15, _number(mark), "middle", MUTED) for mark in marks]
    parts.append(f'<path d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}" stroke="{MUTED}" fill="none"/>')
    if chart.level is not None:
        at = y.at(chart.level)
        parts.append(
            f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="{MUTED}" stroke-dasharray="4 3" fill="none"/>'
        )
    for k, line in enumerate(chart.lines):
        parts += _line(line, COLOURS[k % len(COLOURS)], x, y)
        if len(chart.lines) > 1:
            parts.append(f'<rect x="{LEFT + 8}" y="{TOP + 4 + 14 * k}" width="10" height="3" fill="{COLOURS[k % 6]}"/>')
            parts.append(_text(LEFT + 23, TOP + 9 + 14 * k, line.name, "start"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, chart.x_label, "middle"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    turned = f'<g transform="translate(13,{middle:.1f}) rotate(-90)">{_text(0, 0, chart.y_label, "middle")}</g>'
    return [*parts, turned]


def _line(line: Line, colour: str, x: _Axis, y: _Axis) -> list[str]:
    points = [(x.at(a), y.at(b)) for a, b in _finite(line)]
    path = "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
    parts = [f'<path d="M{path}" stroke="{colour}" stroke-width="1.8" fill="none"/>']
    parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.6" fill="{colour}"/>' for a, b in points]
    for a, low, high in zip(line.x, line.low, line.high, strict=False):
        if isfinite(low) and isfinite(high):
            at, top, foot = x.at(a), y.at(high), y.at(low)
            parts.append(f'<path d="M{at:.1f} {top:.1f}V{foot:.1f}" stroke="{colour}" fill="none"/>')
    return parts


def _finite(line: Line) -> list[tuple[float, float]]:
    return [(a, b) for a, b in zip(line.x, line.y, strict=True) if isfinite(a) and isfinite(b)]


def _axis(values: Sequence[float], logarithmic: bool, start: float, end: float, from_zero: bool) -> _Axis:
    low, high = min(values), max(values)
    if logarithmic:
        low = max(low, high / 1e6, 1e-9)
        high = max(high, low)
        return _Axis(low / 1.25, high * 1.25, True, start, end)
    low = min(low, 0.0) if from_zero else low
    room = (high - low) * 0.06 or abs(high) or 1.0
    return _Axis(low - (0.0 if from_zero and low == 0 else room), high + room, False, start, end)


def _round_step(rough: float) -> float:
    """The step of 1, 2 or 5 times a power of ten nearest above `rough`."""
    power = 10.0 ** floor(log10(rough))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= rough * 0.999)


def _number(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:.4g}"


def _text(x: float, y: float, text: str, anchor: str, colour: str = INK, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>{escape(text)}</text>'
