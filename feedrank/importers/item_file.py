"""Items from any CSV, TSV, JSON lines or Parquet file.

Columns are named as the contract's fields of Item, or mapped by flags. tags and regions are lists, JSON lists or text
separated by semicolons. Attributes are columns named attributes.NAME, or one column `attributes` of JSON objects.
Vectors are not read: encoders make them, or a backend sends its own.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from feedrank.errors import InvalidInput
from feedrank.importers.columns import RAW, fields_of, raw_columns
from feedrank.importers.fields import TimeUnit, take_list, take_text, take_time
from feedrank.importers.mapping import ITEM_FIELDS, ColumnMap
from feedrank.importers.plan import ItemRow
from feedrank.importers.rejections import LINE, Rejections, Sieve
from feedrank.importers.tables import Table, read_table
from feedrank.types import Item, ItemId

REQUIRED = ("item_id",)
TIMES = ("published_at", "expires_at", "updated_at")
LISTS = ("tags", "regions")
ATTRIBUTE_PREFIX = "attributes."


def read_items(
    path: Path, source: ColumnMap, time_unit: TimeUnit | None, file: int, rejections: Rejections
) -> tuple[Table, tuple[ItemRow, ...]]:
    """The good rows as items. Raises InvalidInput for a file that cannot be read or has no column for item_id."""
    fields = source.wants(ITEM_FIELDS)
    structured = [source.column(name) for name in (*LISTS, "attributes")]
    table = read_table(path, lambda name: name in fields or name.startswith(ATTRIBUTE_PREFIX), structured, rejections)
    given = fields_of(table, source, ITEM_FIELDS, REQUIRED)
    extras = [c for c in table.frame.columns if c.startswith(ATTRIBUTE_PREFIX) and c not in source.columns.values()]
    sieve = Sieve(
        path, pl.concat([raw_columns(table, source, given), table.frame.select(extras)], how="horizontal"), rejections
    )
    for name in given:
        _take(sieve, name, time_unit)
    for name in extras:
        take_text(sieve, name, name)
    return table, tuple(_item(row, extras, file) for row in sieve.frame.iter_rows(named=True))


def _take(sieve: Sieve, name: str, time_unit: TimeUnit | None) -> None:
    column = RAW + name
    if name in REQUIRED:
        sieve.drop(pl.col(column).is_null(), name, "is missing")
    if name in TIMES:
        take_time(sieve, column, name, time_unit)
    elif name in LISTS:
        take_list(sieve, column, name)
    elif name == "attributes":
        _take_attributes(sieve, column)
    else:
        take_text(sieve, column, name)


def _take_attributes(sieve: Sieve, column: str) -> None:
    """JSON text of each object under "attributes", checked; a struct column becomes that."""
    dtype = sieve.frame.schema[column]
    if isinstance(dtype, pl.Struct):
        sieve.frame = sieve.frame.with_columns(pl.col(column).struct.json_encode())
    elif dtype not in (pl.String, pl.Null):
        raise InvalidInput(f"{sieve.path}: attributes cannot be made from a column of {dtype}; JSON objects expected")
    texts = sieve.frame[column].cast(pl.String).to_list()
    good = pl.Series("good", [text is None or _object(text) is not None for text in texts], dtype=pl.Boolean)
    sieve.frame = sieve.frame.with_columns(good, pl.col(column).cast(pl.String).alias("attributes"))
    sieve.drop(~pl.col("good"), "attributes", "is not a JSON object of texts and numbers", column)


def _object(text: str) -> dict[str, str] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or any(isinstance(value, list | dict) for value in found.values()):
        return None
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in found.items() if v is not None}


def _item(row: Mapping[str, Any], extras: list[str], file: int) -> ItemRow:
    attributes = {name.removeprefix(ATTRIBUTE_PREFIX): row[name] for name in extras if row[name]}
    if row.get("attributes"):
        attributes |= _object(row["attributes"]) or {}
    item = Item(
        item_id=ItemId(row["item_id"]),
        title=row.get("title", ""),
        body=row.get("body", ""),
        category=row.get("category", ""),
        subcategory=row.get("subcategory", ""),
        language=row.get("language", ""),
        source=row.get("source", ""),
        author=row.get("author", ""),
        tags=tuple(row.get("tags", ())),
        regions=tuple(row.get("regions", ())),
        published_at=row.get("published_at") or 0,
        expires_at=row.get("expires_at") or 0,
        updated_at=row.get("updated_at") or 0,
        attributes=attributes,
    )
    return ItemRow(item, file, row[LINE])
