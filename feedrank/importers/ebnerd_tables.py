"""EB-NeRD's Parquet files as checked tables: impressions and reads, one row each.

Knows nothing of events, and nothing of how the files repeat each other.
"""

from collections.abc import Collection
from pathlib import Path

import polars as pl

from feedrank.errors import InvalidInput
from feedrank.importers.event_table import FILE
from feedrank.importers.fields import take_list, take_text, take_time
from feedrank.importers.rejections import LINE, Rejections, Sieve
from feedrank.importers.tables import Table, read_parquet, require_columns
from feedrank.types import SECOND

IMPRESSION_NEEDS = ("impression_id", "impression_time", "article_ids_inview", "article_ids_clicked", "user_id")
IMPRESSION_OPTIONAL = ("article_id", "session_id", "read_time", "next_read_time", "is_subscriber")
TIMES, ARTICLES, SECONDS = "impression_time_fixed", "article_id_fixed", "read_time_fixed"
HISTORY_NEEDS = ("user_id", TIMES, ARTICLES)


def read_impressions(path: Path, file: int, rejections: Rejections) -> tuple[Table, pl.DataFrame]:
    """A behaviors file. One row per good impression:

    user_id, request_id, session_id, surface: String; time, opened: Int64 microseconds, `opened` being when a clicked
    page opens; item_ids (in view, in order), clicked: List(String); seconds: Float64, the reading time of the one
    clicked page, null if it is not known; subscriber: Boolean or null; FILE, LINE.
    """
    table = _read(path, IMPRESSION_NEEDS, IMPRESSION_OPTIONAL, "a behaviors file", rejections)
    sieve = _sieve(table, IMPRESSION_NEEDS, IMPRESSION_OPTIONAL, rejections)
    for name in ("impression_id", "user_id", "session_id"):
        take_text(sieve, name, name)
    _require_times(sieve, "impression_time")
    take_time(sieve, "impression_time", "impression_time", None)
    for name in ("article_ids_inview", "article_ids_clicked"):
        take_list(sieve, name, name)
    sieve.drop(pl.col("article_ids_inview").list.len() == 0, "article_ids_inview", "is empty")
    for name in ("read_time", "next_read_time"):
        _take_seconds(sieve, name)
    # the page the list stood on was read for `read_time`; then the click opens the next one
    opened = pl.col("impression_time") + (pl.col("read_time").fill_null(0.0) * SECOND).cast(pl.Int64)
    on_front = pl.col("article_id").cast(pl.Float64, strict=False).fill_nan(None).is_null()
    # one figure for the next page: where several were clicked, it does not say which
    seconds = pl.when(pl.col("article_ids_clicked").list.len() == 1).then(pl.col("next_read_time"))
    return table, sieve.frame.select(
        "user_id",
        pl.col("impression_time").alias("time"),
        pl.format("imp:{}", "impression_id").alias("request_id"),
        "session_id",
        pl.when(on_front).then(pl.lit("front")).otherwise(pl.lit("article")).alias("surface"),
        pl.col("article_ids_inview").alias("item_ids"),
        pl.col("article_ids_clicked").alias("clicked"),
        opened.alias("opened"),
        seconds.alias("seconds"),
        pl.col("is_subscriber").cast(pl.Boolean).alias("subscriber"),
        pl.lit(file, dtype=pl.Int32).alias(FILE),
        LINE,
    )


def read_history(path: Path, file: int, rejections: Rejections) -> tuple[Table, pl.DataFrame]:
    """A history file. One row per good read:

    user_id, item_id: String; time: Int64 microseconds; seconds: Float64 or null; FILE, LINE (of the user's row).
    """
    table = _read(path, HISTORY_NEEDS, (SECONDS,), "a history file", rejections)
    sieve = _sieve(table, HISTORY_NEEDS, (), rejections)
    length = pl.col(TIMES).list.len()
    if SECONDS in table.columns:
        _require_list(table, SECONDS)
    else:
        unknown = pl.lit(None, dtype=pl.Float64).repeat_by(length)
        sieve.frame = sieve.frame.with_columns(unknown.alias(SECONDS))
    for name in (TIMES, ARTICLES):
        _require_list(table, name)
    for name in (ARTICLES, SECONDS):
        sieve.drop(pl.col(name).list.len() != length, name, f"is not as long as {TIMES}")
    sieve.frame = sieve.frame.filter(length > 0).explode(TIMES, ARTICLES, SECONDS)
    for name in (TIMES, ARTICLES):
        sieve.drop(pl.col(name).is_null(), name, "holds an empty entry")
    take_text(sieve, "user_id", "user_id")
    take_text(sieve, ARTICLES, ARTICLES)
    _require_times(sieve, TIMES)
    take_time(sieve, TIMES, TIMES, None)
    _take_seconds(sieve, SECONDS)
    return table, sieve.frame.select(
        "user_id",
        pl.col(ARTICLES).alias("item_id"),
        pl.col(TIMES).alias("time"),
        pl.col(SECONDS).alias("seconds"),
        pl.lit(file, dtype=pl.Int32).alias(FILE),
        LINE,
    )


def _read(path: Path, needs: Collection[str], optional: Collection[str], kind: str, rejections: Rejections) -> Table:
    table = read_parquet(path, {*needs, *optional}.__contains__, rejections)
    require_columns(table, needs, kind)
    return table


def _sieve(table: Table, needs: Collection[str], optional: Collection[str], rejections: Rejections) -> Sieve:
    """The rows that have every needed value; absent optional columns are null."""
    absent = [pl.lit(None).alias(name) for name in optional if name not in table.columns]
    sieve = Sieve(table.path, table.frame.with_columns(absent), rejections)
    for name in needs:
        sieve.drop(pl.col(name).is_null(), name, "is missing")
    return sieve


def _require_list(table: Table, name: str) -> None:
    dtype = table.frame.schema[name]
    if not isinstance(dtype, pl.List):
        raise InvalidInput(f"{table.path}: column {name} holds {dtype}; lists expected, one entry per read")


def _require_times(sieve: Sieve, name: str) -> None:
    dtype = sieve.frame.schema[name]
    if dtype.is_numeric():
        raise InvalidInput(f"{sieve.path}: column {name} holds {dtype}; times expected, as Datetime or ISO 8601 text")


def _take_seconds(sieve: Sieve, name: str) -> None:
    """Reading times as Float64. NaN is how some writers of Parquet spell "absent"."""
    dtype = sieve.frame.schema[name]
    if not (dtype.is_numeric() or dtype == pl.Null):
        raise InvalidInput(f"{sieve.path}: column {name} holds {dtype}; numbers expected")
    sieve.frame = sieve.frame.with_columns(pl.col(name).cast(pl.Float64).fill_nan(None))
    sieve.drop((pl.col(name) < 0) | pl.col(name).is_infinite(), name, "is not a reading time in seconds", name)
