"""Tables from files, tolerant of bad rows: MIND's TSV without a header; CSV, TSV, JSON lines, Parquet with columns.

A bad row is refused with its line number and the rest is kept; a file that cannot be read at all raises InvalidInput
with its name. Text formats give String columns only; typing is the caller's. Knows nothing of items, events or any
data set.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from feedrank.errors import InvalidInput
from feedrank.importers.delimited import read_delimited
from feedrank.importers.rejections import FILE_FIELD, LINE, Rejections

FORMATS = ".csv, .tsv, .jsonl, .ndjson or .parquet"
NOT_UTF8 = "is not valid UTF-8"


@dataclass(frozen=True, slots=True)
class Table:
    """The readable rows of one file: `frame` holds the wanted columns and LINE; `columns` names all the file has."""

    path: Path
    frame: pl.DataFrame
    columns: tuple[str, ...]
    rows: int  # read, refused ones included


def read_bytes(path: Path) -> bytes:
    """The whole file. Raises InvalidInput naming it when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as e:
        raise InvalidInput(f"{path}: cannot be read ({e.strerror}); check the path and its permissions") from e


def read_lines(path: Path, rejections: Rejections) -> tuple[list[int], list[str], int]:
    """Line numbers (from 1) and texts of the non-blank lines that are UTF-8, and the count of non-blank lines."""
    data = read_bytes(path).removeprefix(b"\xef\xbb\xbf")
    try:
        pairs = [(n, s) for n, s in enumerate(data.decode().split("\n"), 1) if s and not s.isspace()]
        rows = len(pairs)
    except UnicodeDecodeError:  # only now look line by line
        pairs, rows = [], 0
        for n, raw in enumerate(data.split(b"\n"), 1):
            if not raw.strip():
                continue
            rows += 1
            try:
                pairs.append((n, raw.decode()))
            except UnicodeDecodeError as e:
                rejections.add(path, n, "line", NOT_UTF8, f"byte {e.start + 1}: 0x{raw[e.start]:02x}")
    if not rows:
        rejections.add(path, 0, FILE_FIELD, "is empty")
    return [n for n, _ in pairs], [s.removesuffix("\r") for _, s in pairs], rows


def read_tsv(path: Path, columns: Sequence[str], rejections: Rejections) -> Table:
    """A tab-separated file without header and without quoting, with exactly these columns (MIND's form)."""
    numbers, lines, rows = read_lines(path, rejections)
    split = pl.DataFrame({LINE: numbers, "parts": lines}, schema={LINE: pl.Int64, "parts": pl.String}).with_columns(
        pl.col("parts").str.split("\t")
    )
    width = pl.col("parts").list.len()
    for found in (
        split.filter(width != len(columns)).select(width.alias("n"), LINE).partition_by("n", maintain_order=True)
    ):
        n = found["n"][0]
        at = found[LINE].to_list()
        rejections.add_many(path, at, "line", f"has {n} columns, {len(columns)} expected", [""] * len(at))
    frame = split.filter(width == len(columns)).select(
        LINE, *(pl.col("parts").list.get(i).alias(name) for i, name in enumerate(columns))
    )
    return Table(path, frame, tuple(columns), rows)


def read_table(path: Path, wanted: Callable[[str], bool], structured: Collection[str], rejections: Rejections) -> Table:
    """A table with named columns; the format follows the file name's suffix.

    `wanted` chooses columns by name. Columns in `structured` may hold lists or objects in JSON lines, which come as
    JSON text; elsewhere such a value refuses its row. Raises InvalidInput for an unreadable file or an unknown
    format.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return read_parquet(path, wanted, rejections)
    if suffix in (".jsonl", ".ndjson"):
        return _read_json_lines(path, wanted, structured, rejections)
    if suffix in (".csv", ".tsv"):
        read = read_delimited(path, "\t" if suffix == ".tsv" else ",", wanted, rejections)
        if not read.rows:
            rejections.add(path, 0, FILE_FIELD, "holds no rows" if read.columns else "is empty")
        return Table(path, read.frame, read.columns, read.rows)
    raise InvalidInput(f"{path}: cannot tell the format from the name; name it {FORMATS}")


def read_parquet(path: Path, wanted: Callable[[str], bool], rejections: Rejections) -> Table:
    """A Parquet file with its own column types; LINE counts rows from 1."""
    try:
        columns = tuple(pl.read_parquet_schema(path))
        frame = pl.read_parquet(path, columns=[c for c in columns if wanted(c)])
    except (OSError, pl.exceptions.PolarsError) as e:
        raise InvalidInput(f"{path}: cannot be read as Parquet ({str(e).splitlines()[0]})") from e
    if not frame.height:
        rejections.add(path, 0, FILE_FIELD, "holds no rows")
    return Table(
        path, frame.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(LINE)), columns, frame.height
    )


def require_columns(table: Table, names: Collection[str], kind: str) -> None:
    """Raises InvalidInput naming the file and the columns it lacks."""
    missing = [n for n in names if n not in table.columns]
    if missing:
        has = ", ".join(table.columns) or "none"
        raise InvalidInput(f"{table.path}: {kind} needs the column(s) {', '.join(missing)}; the file has {has}")


def _read_json_lines(
    path: Path, wanted: Callable[[str], bool], structured: Collection[str], rejections: Rejections
) -> Table:
    numbers, lines, rows = read_lines(path, rejections)
    kept: list[int] = []
    seen: dict[str, None] = {}
    columns: dict[str, list[str | None]] = {}
    for n, line in zip(numbers, lines, strict=True):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            rejections.add(path, n, "line", "is not valid JSON", line)
            continue
        if not isinstance(found, dict):
            rejections.add(path, n, "line", "is not a JSON object", line)
            continue
        seen.update(dict.fromkeys(found))
        texts = {k: _json_text(v) for k, v in found.items() if wanted(k)}
        field = next((k for k, v in texts.items() if k not in structured and isinstance(found[k], list | dict)), None)
        if field is not None:
            rejections.add(path, n, field, "is a list or an object; text or a number expected")
            continue
        if any("\ud800" <= c <= "\udfff" for v in texts.values() if v and not v.isascii() for c in v):
            rejections.add(path, n, "line", "holds half of a surrogate pair; no such text exists in UTF-8")
            continue
        for name in texts.keys() - columns.keys():
            columns[name] = [None] * len(kept)
        for name, values in columns.items():
            values.append(texts.get(name))
        kept.append(n)
    frame = pl.DataFrame({LINE: kept, **columns}, schema={LINE: pl.Int64, **dict.fromkeys(columns, pl.String)})
    return Table(path, frame, tuple(seen), rows)


def _json_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(
        value
    )  # numbers and booleans in JSON's spelling; NaN and Infinity are refused by whoever types them
