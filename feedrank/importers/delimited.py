"""CSV and TSV with a header, row by row, so that a bad row costs itself and nothing else.

Polars' own reader cannot say which line is short, and a stray quote makes it swallow the rest of the file; the
standard library's reader gives line numbers. Knows nothing of what the columns mean.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from feedrank.errors import InvalidInput
from feedrank.importers.rejections import LINE, Rejections

CELL_LIMIT = (
    64 * 1024 * 1024
)  # the csv module's own 128 KiB is below a long article; how long a text may be is for the store to say
CHUNK_ROWS = 50_000  # rows held as Python strings at a time


@dataclass(frozen=True, slots=True)
class Delimited:
    """Wanted columns as String, with LINE; all column names; rows read, refused ones included. Empty cells are null."""

    frame: pl.DataFrame
    columns: tuple[str, ...]
    rows: int


def read_delimited(path: Path, separator: str, wanted: Callable[[str], bool], rejections: Rejections) -> Delimited:
    """Reads a file whose first row names the columns; raises InvalidInput if it cannot."""
    lines = _physical_lines(path)
    csv.field_size_limit(CELL_LIMIT)
    records = _records(path, lines, separator, rejections)
    header = next(records, None)
    if header is not None and header.cells is None:
        raise InvalidInput(f"{path}: the header has a broken quote; correct line {header.line}")
    if header is None or header.cells is None:
        return Delimited(pl.DataFrame(schema={LINE: pl.Int64}), (), 0)
    names = tuple(name.strip() for name in header.cells)
    if any("\udc80" <= c <= "\udcff" for name in names for c in name):
        raise InvalidInput(f"{path}: the header is not valid UTF-8; save the file as UTF-8")
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InvalidInput(f"{path}: the header names {', '.join(map(repr, twice))} more than once; rename the columns")
    places = [i for i, name in enumerate(names) if wanted(name)]
    chunks = [_frame(names, places, [], path, rejections)]
    rows = 0
    good: list[_Record] = []
    for record in records:
        rows += 1
        if record.cells is None:
            continue  # counted where it was found
        if len(record.cells) != len(names):
            rejections.add(path, record.line, "line", f"has {len(record.cells)} columns, {len(names)} expected")
            continue
        good.append(record)
        if len(good) == CHUNK_ROWS:
            chunks.append(_frame(names, places, good, path, rejections))
            good = []
    chunks.append(_frame(names, places, good, path, rejections))
    return Delimited(pl.concat(chunks), names, rows)


@dataclass(frozen=True, slots=True)
class _Record:
    line: int
    cells: list[str] | None  # None: refused while splitting


def _physical_lines(path: Path) -> list[str]:
    try:
        # surrogateescape keeps a bad byte findable in its row instead of failing the file
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            return file.readlines()
    except OSError as e:
        raise InvalidInput(f"{path}: cannot be read ({e.strerror}); check the path and its permissions") from e


def _records(path: Path, lines: list[str], separator: str, rejections: Rejections) -> Iterator[_Record]:
    """Logical rows. A quote that never closes refuses the line it stands on, and reading goes on at the next line."""
    start = 0
    while start < len(lines):
        rest = map(lines.__getitem__, range(start, len(lines)))
        reader = csv.reader(rest, delimiter=separator, strict=True)
        done = 0  # physical lines taken by the rows so far
        width = 0
        while True:
            line = start + done + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                rejections.add(path, line, "line", "has a broken quote")
                yield _Record(line, None)
                break
            spans_lines = reader.line_num - done > 1
            done = reader.line_num
            if not cells or (len(cells) == 1 and not cells[0].strip()):
                continue
            width = width or len(cells)
            if spans_lines and len(cells) != width:
                rejections.add(path, line, "line", "has a broken quote")
                yield _Record(line, None)
                break
            yield _Record(line, cells)
        start = line  # the physical line after the refused one


def _frame(
    names: tuple[str, ...], places: list[int], records: list[_Record], path: Path, rejections: Rejections
) -> pl.DataFrame:
    schema = {LINE: pl.Int64, **{names[i]: pl.String for i in places}}
    rows = [(r.line, r.cells) for r in records if r.cells is not None]
    columns = {LINE: [line for line, _ in rows], **{names[i]: [cells[i] or None for _, cells in rows] for i in places}}
    try:
        return pl.DataFrame(columns, schema=schema)
    except UnicodeEncodeError:  # some row holds bytes that are not UTF-8: find which
        clean = []
        for record in records:
            try:
                "".join(record.cells or ()).encode()
            except UnicodeEncodeError:
                rejections.add(path, record.line, "line", "is not valid UTF-8")
            else:
                clean.append(record)
        return _frame(names, places, clean, path, rejections)
