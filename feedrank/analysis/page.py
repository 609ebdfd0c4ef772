"""Self-contained HTML reports: text, tables and figures become one file that opens anywhere, without a network.

Text and tables need no JavaScript; figures do, and plotly.js is written into the page once, if there is a figure at
all. Knows nothing of what is reported.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

import feedrank
from feedrank.analysis.theme import themed
from feedrank.errors import InvalidInput

Cell = str | int | float | None

NOTHING = "\N{EN DASH}"  # what stands for an absent or undefined number


class Status(StrEnum):
    """What a callout says at a glance; the page writes the word out, so that colour is never alone."""

    GOOD = "good"
    NOTE = "note"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text; a blank line begins a new paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """A command or an extract, letter by letter."""

    text: str


@dataclass(frozen=True, slots=True)
class Callout:
    """A conclusion that must not be overlooked: a headline and what it rests on."""

    status: Status
    headline: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under columns. Floats are written with `decimals` places, None and NaN as a dash.

    A column is set flush right if all its cells are numbers or begin like one. `strong` names rows in bold.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    decimals: int = 3
    strong: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Plot:
    """A Plotly figure with the sentence below it. The page's look is applied to a copy."""

    figure: go.Figure
    caption: str = ""


Block = Text | Code | Callout | Table | Plot


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a heading, in order."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report. `facts` are the (name, value) pairs below the title: what, when, of which data."""

    title: str
    subtitle: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]


def render(page: Page) -> str:
    """The report as one HTML document. InvalidInput for a table whose rows do not fit its columns."""
    return str(_template().render(page=page, version=feedrank.__version__))


def write_page(path: Path, page: Page) -> None:
    """Writes the report whole, through a temporary file beside it. InvalidInput if it cannot be written."""
    text = render(page)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise InvalidInput(f"the report {path} cannot be written ({error.strerror}); name another file") from error
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
        part.chmod(0o644)  # a temporary file is its owner's alone; a report is for others
        part.replace(path)
    except OSError as error:
        raise InvalidInput(f"the report {path} cannot be written ({error.strerror}); name another file") from error
    finally:
        part.unlink(missing_ok=True)


def check_report_path(path: Path) -> None:
    """InvalidInput, before any work is done, for a report that could not be written: no folder, or a folder itself."""
    if not path.parent.is_dir():
        raise InvalidInput(f"--report {path}: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise InvalidInput(f"--report {path}: this is a folder; name a file in it")


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("feedrank.analysis", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        kind=lambda block: type(block).__name__,
        paragraphs=lambda text: [part.strip() for part in text.split("\n\n") if part.strip()],
        cells=_cells,
        figure=_figure_json,
    )
    environment.globals["plotly_js"] = lambda: Markup(get_plotlyjs())  # a fixed library, not anyone's input
    return environment.get_template("page.html")


def _cells(table: Table) -> list[list[tuple[str, bool]]]:
    """Each cell's text, and whether its column is set flush right."""
    for row in table.rows:
        if len(row) != len(table.columns):
            raise InvalidInput(f"a table of {len(table.columns)} columns has a row of {len(row)} cells: {row!r}")
    right = [all(_numeric(row[j]) for row in table.rows) for j in range(len(table.columns))]
    return [
        [(_text(cell, table.decimals), flush) for cell, flush in zip(row, right, strict=True)] for row in table.rows
    ]


def _numeric(cell: Cell) -> bool:
    if not isinstance(cell, str):
        return True
    start = cell.lstrip("+-\N{MINUS SIGN}<> ")[:1]
    return not cell or cell == NOTHING or start.isdigit() or start == "."


def _text(cell: Cell, decimals: int) -> str:
    if cell is None or cell != cell:
        return NOTHING
    if isinstance(cell, float):
        return f"{cell:,.{decimals}f}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def _figure_json(plot: Plot) -> Markup:
    """The figure as JSON that is safe inside a script element: no tag can end it."""
    text = themed(plot.figure).to_json()
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
