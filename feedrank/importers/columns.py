"""Which columns of a named-column table feed which fields.

Knows nothing of what the fields mean or how their values are typed.
"""

import polars as pl

from feedrank.errors import InvalidInput
from feedrank.importers.mapping import ColumnMap
from feedrank.importers.rejections import LINE
from feedrank.importers.tables import Table

RAW = "raw:"  # keeps a file's columns apart from the fields made from them, so that names may be swapped


def fields_of(table: Table, source: ColumnMap, known: tuple[str, ...], required: tuple[str, ...]) -> list[str]:
    """The fields this file gives, in the order known.

    Raises InvalidInput naming the mapped column or the required field that it lacks.
    """
    if not table.columns:
        return list(required)  # an empty file, already refused: there are no columns to ask for
    has = ", ".join(table.columns)
    for name, column in source.columns.items():
        if column not in table.columns:
            raise InvalidInput(f"{table.path}: --map {name}={column}: no such column; the file has {has}")
    given = [n for n in known if n in source.constants or source.column(n) in table.columns]
    for name in required:
        if name not in given:
            ways = f"name it with --map {name}=COLUMN or --set {name}=VALUE"
            raise InvalidInput(f"{table.path}: no column for {name}; {ways} (the file has {has})")
    return given


def raw_columns(table: Table, source: ColumnMap, fields: list[str]) -> pl.DataFrame:
    """One column RAW + field for each field, and LINE."""

    def raw(name: str) -> pl.Expr:
        if name in source.constants:
            return pl.lit(source.constants[name])
        column = source.column(name)  # absent only in an empty file
        return pl.col(column) if column in table.frame.columns else pl.lit(None, dtype=pl.String)

    return table.frame.select(LINE, *(raw(name).alias(RAW + name) for name in fields))
