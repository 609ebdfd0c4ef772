"""Events from any CSV, TSV, JSON lines or Parquet file, and a plan from such files.

Columns are named as the contract's fields of Event, or mapped by flags. Lists (item_ids) are list columns, JSON
lists, or text separated by semicolons. Events without an id get one from a hash, so that importing a file again
changes nothing.
"""

from pathlib import Path

import polars as pl

from feedrank.errors import InvalidInput
from feedrank.importers.columns import RAW, fields_of, raw_columns
from feedrank.importers.event_table import EVENT_COLUMNS, FILE, with_event_ids
from feedrank.importers.fields import take_action, take_list, take_number, take_position, take_text, take_time
from feedrank.importers.item_file import read_items
from feedrank.importers.mapping import EVENT_FIELDS, ColumnMap, TableFlags
from feedrank.importers.plan import FileCount, ImportPlan, ItemRow
from feedrank.importers.rejections import LINE, Rejections, Sieve
from feedrank.importers.tables import Table, read_table

SOURCE = "events"  # not the file's name: the same facts from a copied file are the same events
REQUIRED = ("user_id", "time", "action")


def read_files(events: Path, items: Path | None, flags: TableFlags) -> ImportPlan:
    """Reads the files. Raises InvalidInput for a file that is unreadable, lacks a column, or contradicts the flags."""
    rejections = Rejections()
    files: list[FileCount] = []
    item_rows: tuple[ItemRow, ...] = ()
    if items is not None:
        table, item_rows = read_items(items, flags.items, flags.time_unit, len(files), rejections)
        files.append(FileCount(table.path, table.rows))
    elif flags.items != ColumnMap():
        raise InvalidInput("--map or --set names an item's field, but no --items file is given")
    table, frame = read_events(events, flags, len(files), rejections)
    files.append(FileCount(table.path, table.rows))
    return ImportPlan(tuple(files), rejections, item_rows, with_event_ids(frame, SOURCE))


def read_events(path: Path, flags: TableFlags, file: int, rejections: Rejections) -> tuple[Table, pl.DataFrame]:
    """The good rows as typed event columns, with FILE and LINE."""
    source = flags.events
    table = read_table(path, source.wants(EVENT_FIELDS).__contains__, (source.column("item_ids"),), rejections)
    fields = fields_of(table, source, EVENT_FIELDS, REQUIRED)
    if "item_id" not in fields and "item_ids" not in fields and table.columns:
        raise InvalidInput(f"{path}: no column for item_id or item_ids; name it with --map item_id=COLUMN")
    sieve = Sieve(path, raw_columns(table, source, fields), rejections)
    for name in fields:
        _take(sieve, name, flags)
    kept = [name for name in EVENT_COLUMNS if name in fields]
    return table, sieve.frame.select(*kept, pl.lit(file, dtype=pl.Int32).alias(FILE), LINE)


def _take(sieve: Sieve, name: str, flags: TableFlags) -> None:
    column = RAW + name
    if name in REQUIRED:
        sieve.drop(pl.col(column).is_null(), name, "is missing")
    if name == "time":
        take_time(sieve, column, name, flags.time_unit)
    elif name == "action":
        take_action(sieve, column, name, flags.actions)
    elif name == "value":
        take_number(sieve, column, name)
    elif name == "position":
        take_position(sieve, column, name)
    elif name == "item_ids":
        take_list(sieve, column, name)
    else:
        take_text(sieve, column, name)
