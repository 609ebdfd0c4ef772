"""Events as one table: its columns, how events get ids, their order, and the way back to `Event` records.

An import holds its events as columns until they are written: a million rows sort in a second and cost no objects.
Knows nothing of file formats or of the store.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import repeat

import polars as pl

from feedrank.types import Action, Event, UserId

EVENT_COLUMNS: dict[str, pl.DataType] = {
    "event_id": pl.String(),
    "user_id": pl.String(),
    "time": pl.Int64(),  # UTC microseconds
    "action": pl.Int8(),
    "item_id": pl.String(),
    "value": pl.Float64(),
    "request_id": pl.String(),
    "position": pl.Int64(),
    "query": pl.String(),
    "target": pl.String(),
    "session_id": pl.String(),
    "item_ids": pl.List(pl.String()),
    "surface": pl.String(),
}  # in the order of Event's fields; a table may lack any but user_id, time and action
FILE = "__file__"  # index into the plan's files
ID_BYTES = 12  # 96 bits: no accidental collision among a user's events

_ACTIONS = [None, *Action]  # by number
_JOINER = "\x1f"  # the ASCII unit separator; no id contains it


def with_event_ids(table: pl.DataFrame, source: str) -> pl.DataFrame:
    """Fills absent event ids with a hash of (source, user, item, action, time): a repeated import is a duplicate.

    A view of a whole slate hashes its items in order; a follow its target and a search its query, which stand in the
    item's place.
    """
    known = table["event_id"].to_list() if "event_id" in table.columns else None
    parts = [
        pl.lit(source),
        pl.col("user_id"),
        *_what(table),
        pl.col("action").cast(pl.String),
        pl.col("time").cast(pl.String),
    ]
    keys = table.select(pl.concat_str(parts, separator=_JOINER).alias("key"))["key"].to_list()
    if known is None:
        ids = [_digest(key) for key in keys]
    else:
        ids = [given or _digest(key) for given, key in zip(known, keys, strict=True)]
    return table.with_columns(pl.Series("event_id", ids, dtype=pl.String))


def in_log_order(table: pl.DataFrame) -> pl.DataFrame:
    """Sorted by time, views first among equals (a click must find the view it answers), else in the order given."""
    later = (pl.col("action") != int(Action.VIEW)).alias("later")
    return table.with_columns(later).sort("time", "later", maintain_order=True).drop("later")


def events_of(table: pl.DataFrame) -> list[Event]:
    """One Event per row. Absent columns and nulls give the field's default."""

    def text(name: str) -> Iterable[str]:
        return table[name].fill_null("").to_list() if name in table.columns else repeat("")

    def optional(name: str) -> Iterable[int | float | None]:
        return table[name].to_list() if name in table.columns else repeat(None)

    def items() -> Iterable[tuple[str, ...]]:
        if "item_ids" not in table.columns:
            return repeat(())
        return [tuple(ids) if ids else () for ids in table["item_ids"].to_list()]

    users: Sequence[UserId] = table["user_id"].to_list()
    actions = [_ACTIONS[number] for number in table["action"].to_list()]
    return list(
        map(
            Event,
            table["event_id"].to_list(),
            users,
            table["time"].to_list(),
            actions,
            text("item_id"),
            optional("value"),
            text("request_id"),
            optional("position"),
            text("query"),
            text("target"),
            text("session_id"),
            items(),
            text("surface"),
        )
    )


def item_ids_of(table: pl.DataFrame) -> list[str]:
    """The distinct items the events name, sorted."""
    found = []
    if "item_id" in table.columns:
        found.append(table["item_id"].unique())
    if "item_ids" in table.columns:
        found.append(table["item_ids"].list.explode().unique())
    if not found:
        return []
    ids = pl.concat(found).unique().drop_nulls().sort().to_list()
    return [i for i in ids if i]


def _what(table: pl.DataFrame) -> list[pl.Expr]:
    """What the event is about; the same parts whether or not a column is there, so that ids do not depend on that."""
    parts = [
        pl.col(name).fill_null("") if name in table.columns else pl.lit("") for name in ("item_id", "query", "target")
    ]
    slate = pl.col("item_ids").list.join(",").fill_null("") if "item_ids" in table.columns else pl.lit("")
    return [*parts, slate]


def _digest(key: str) -> str:
    return blake2b(key.encode(), digest_size=ID_BYTES).hexdigest()
