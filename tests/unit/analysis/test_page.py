"""A report is one file: whatever text it is given stays text, tables stand without scripts, nothing is fetched."""

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import plotly.graph_objects as go
import pytest

from feedrank.analysis.page import (
    NOTHING,
    Callout,
    Code,
    Page,
    Plot,
    Section,
    Status,
    Table,
    Text,
    check_report_path,
    render,
    write_page,
)
from feedrank.errors import InvalidInput

HOSTILE = "</script><script>alert('x')</script> & <b>"


def page_of(*blocks: Text | Code | Callout | Table | Plot) -> Page:
    return Page("A report", "of something", [("model", "news@1")], [Section("Findings", blocks)])


class _Reader(HTMLParser):
    """Collects scripts, text outside scripts, and every address the page names."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.text: list[str] = []
        self.addresses: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text.append(data)


def read(document: str) -> _Reader:
    reader = _Reader()
    reader.feed(document)
    return reader


def test_text_stays_text_wherever_it_stands() -> None:
    figure = go.Figure(go.Scatter(x=[1], y=[2], name=HOSTILE))
    document = render(
        Page(
            HOSTILE,
            HOSTILE,
            [(HOSTILE, HOSTILE)],
            [
                Section(
                    HOSTILE,
                    [
                        Text(HOSTILE),
                        Code(HOSTILE),
                        Callout(Status.BAD, HOSTILE, HOSTILE),
                        Table([HOSTILE], [[HOSTILE]], HOSTILE),
                        Plot(figure, HOSTILE),
                    ],
                )
            ],
        )
    )
    reader = read(document)
    assert len(reader.scripts) == 3  # one figure, plotly.js, and what draws
    assert json.loads(reader.scripts[0])["data"][0]["name"] == HOSTILE
    assert "".join(reader.text).count("alert('x')") == 14  # title, heading, subtitle, 2 of facts, 9 of the section


def test_nothing_is_fetched_and_plotly_stands_once() -> None:
    plot = Plot(go.Figure(go.Bar(x=["a"], y=[1])))
    reader = read(render(page_of(plot, plot)))
    assert [a for a in reader.addresses if not a.startswith("#")] == []
    assert sum("plotly.js v" in script for script in reader.scripts) == 1
    assert len(reader.scripts) == 4


def test_a_page_without_figures_has_no_script() -> None:
    document = render(page_of(Text("One.\n\nTwo."), Table(["a"], [[1]])))
    assert "<script" not in document
    assert "<p>One.</p>\n<p>Two.</p>" in document
    assert len(document) < 12_000


def test_numbers_are_written_alike_and_set_flush_right() -> None:
    table = Table(
        ["slice", "n", "AUC", "interval"],
        [["new", 12345, 0.78049, "0.77 to 0.79"], ["old", None, math.nan, NOTHING]],
        decimals=3,
        strong=frozenset({1}),
    )
    document = render(page_of(table))
    absent = f'<td class="number">{NOTHING}</td>'
    rows = re.findall(r"<tr[^>]*>(?:<td.*?</td>)+</tr>", document)
    assert rows == [
        '<tr><td>new</td><td class="number">12,345</td><td class="number">0.780</td>'
        '<td class="number">0.77 to 0.79</td></tr>',
        f'<tr class="strong"><td>old</td>{absent}{absent}{absent}</tr>',
    ]


def test_a_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidInput, match="2 columns has a row of 1 cells"):
        render(page_of(Table(["a", "b"], [[1]])))


def test_a_figure_takes_the_look_and_keeps_its_own_settings_unchanged() -> None:
    figure = go.Figure(go.Scatter(x=[1], y=[1]), layout={"height": 222})
    reader = read(render(page_of(Plot(figure))))
    layout = json.loads(reader.scripts[0])["layout"]
    assert layout["height"] == 222
    assert layout["template"]["layout"]["plot_bgcolor"] == "white"
    assert figure.layout.autosize is None  # the caller's own is left alone


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_page(path, page_of(Text("first")))
    with pytest.raises(InvalidInput, match="2 columns"):
        write_page(path, page_of(Table(["a", "b"], [[1]])))
    assert "first" in path.read_text()
    write_page(path, page_of(Text("second")))
    assert "second" in path.read_text()
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_where_a_report_cannot_go_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_page(tmp_path / "absent" / "report.html", page_of())
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_page(tmp_path, page_of())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InvalidInput, match="there is no folder"):
        check_report_path(tmp_path / "absent" / "report.html")
    with pytest.raises(InvalidInput, match="this is a folder"):
        check_report_path(tmp_path)
