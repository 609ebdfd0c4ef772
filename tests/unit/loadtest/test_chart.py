"""Charts as SVG: well formed, every point drawn where its axes put it, and nothing drawn of what is not finite."""

import math
import re
import xml.etree.ElementTree as ET

import pytest

from feedrank.loadtest.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Chart, Line, svg

NAMESPACE = "{http://www.w3.org/2000/svg}"


def drawn(document: str) -> ET.Element:
    return ET.fromstring(document)


def circles(document: str) -> list[tuple[float, float]]:
    return [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in drawn(document).iter(f"{NAMESPACE}circle")]


def test_points_stand_within_the_plot_in_order() -> None:
    points = circles(svg([Chart("t", "x", "y", [Line("a", [1, 2, 3], [10, 20, 15])])]))
    assert len(points) == 3
    assert all(LEFT <= x <= WIDTH - RIGHT and TOP <= y <= HEIGHT - BOTTOM for x, y in points)
    assert points[0][0] < points[1][0] < points[2][0]
    assert points[1][1] < points[2][1] < points[0][1]  # higher values stand higher


def test_on_logarithmic_axes_equal_ratios_are_equal_distances() -> None:
    chart = Chart("t", "x", "y", [Line("a", [1, 10, 100], [1, 10, 100])], log_x=True, log_y=True)
    (x1, y1), (x2, y2), (x3, y3) = circles(svg([chart]))
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2) and y1 - y2 == pytest.approx(y2 - y3, abs=0.2)


def test_what_is_not_finite_is_left_out() -> None:
    assert len(circles(svg([Chart("t", "x", "y", [Line("a", [1, 2, 3], [1.0, math.nan, 2.0])])]))) == 2
    assert "nothing measured" in svg([Chart("t", "x", "y", [Line("a", [1], [math.nan])])])


def test_one_point_and_equal_values_can_be_drawn() -> None:
    assert len(circles(svg([Chart("t", "x", "y", [Line("a", [5], [0])])]))) == 1
    assert len(circles(svg([Chart("t", "x", "y", [Line("a", [5, 6], [7, 7])], log_x=True, log_y=True)]))) == 2


def test_ranges_and_levels_widen_the_axis() -> None:
    chart = Chart("t", "x", "y", [Line("a", [1, 2], [5, 6], low=[4, 5], high=[90, 7])], level=100.0)
    heights = [float(v) for v in re.findall(r"V([\d.]+)", svg([chart]))]
    assert len(heights) == 2 and all(TOP <= v <= HEIGHT - BOTTOM for v in heights)
    assert "stroke-dasharray" in svg([chart])


def test_words_are_escaped_and_charts_stand_in_columns() -> None:
    charts = [Chart(f"<{k}>", "a & b", "y", [Line("a", [1], [1]), Line("b", [1], [2])]) for k in range(4)]
    root = drawn(svg(charts, columns=3))
    assert root.attrib["width"] == str(3 * WIDTH) and root.attrib["height"] == str(2 * HEIGHT)
    texts = [t.text for t in root.iter(f"{NAMESPACE}text")]
    assert "<3>" in texts and texts.count("a & b") == 4
