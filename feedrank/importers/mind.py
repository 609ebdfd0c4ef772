"""MIND's files (news.tsv, behaviors.tsv; Wu et al., "MIND", ACL 2020) as items and events.

An impression becomes one VIEW of all its candidates in order and one CLICK per clicked candidate, with the same
request id and time. The history column, which has no times, becomes reads: CLICKs without a request, one minute apart
and in order, the last one hour before the user's first impression. Later rows of a user repeat that history or add
clicks that are in the file themselves, so only the first row's is taken. Times are UTC. MIND has no publishing times,
so `published_at` stays 0 unless the extra file gives it.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from feedrank.errors import InvalidInput
from feedrank.importers.event_table import FILE, with_event_ids
from feedrank.importers.plan import FileCount, ImportPlan, ItemRow
from feedrank.importers.rejections import LINE, Rejections, Sieve
from feedrank.importers.tables import Table, read_table, read_tsv, require_columns
from feedrank.types import HOUR, MINUTE, SECOND, Action, Item, ItemId

SOURCE = "mind"
NEWS_COLUMNS = (
    "news_id", "category", "subcategory", "title", "abstract", "url", "title_entities", "abstract_entities",
)  # fmt: skip
BEHAVIOR_COLUMNS = ("impression_id", "user_id", "time", "history", "impressions")
EXTRA_COLUMNS = ("news_id", "publisher", "date_published", "sentiment")
TIME_FORMAT = "%m/%d/%Y %I:%M:%S %p"
DATE_FORMAT = "%d.%m.%Y"
HISTORY_GAP = MINUTE  # any fixed spacing keeps the order; the true times are not in the data
HISTORY_ENDS_BEFORE = HOUR  # clear of the first impression, so that no counter delay in use makes it look simultaneous


def read_mind(news: Sequence[Path], behaviors: Sequence[Path], extra: Path | None = None) -> ImportPlan:
    """Reads MIND files; several (train and dev) are merged, an earlier file's news row of an id counting.

    `extra`: a tab-separated file with the header news_id, publisher, date_published (dd.mm.yyyy), sentiment; any
    column but the first may be missing. Raises InvalidInput for a file that cannot be read.
    """
    rejections = Rejections()
    tables = [read_tsv(path, NEWS_COLUMNS, rejections) for path in news]
    facts, extra_table = (pl.DataFrame(), None) if extra is None else _read_extra(extra, rejections)
    items = [row for index, table in enumerate(tables) for row in _items(table, index, facts, rejections)]
    offset = len(tables)
    impressions = []
    for index, path in enumerate(behaviors):
        table = read_tsv(path, BEHAVIOR_COLUMNS, rejections)
        tables.append(table)
        impressions.append(_impressions(table, offset + index, rejections))
    if extra_table is not None:
        tables.append(extra_table)
    shown = pl.concat(impressions)
    events = pl.concat([_views(shown), _clicks(shown), _reads(shown)], how="diagonal")
    return ImportPlan(
        files=tuple(FileCount(t.path, t.rows) for t in tables),
        rejections=rejections,
        items=tuple(items),
        events=with_event_ids(events, SOURCE),
        notes={"impressions": shown.height, "history_reads": events.filter(pl.col("request_id").is_null()).height},
    )


def _items(table: Table, file: int, facts: pl.DataFrame, rejections: Rejections) -> list[ItemRow]:
    sieve = Sieve(table.path, table.frame, rejections)
    sieve.drop(pl.col("news_id").str.strip_chars() == "", "news_id", "is empty")
    frame = sieve.frame
    if facts.width:
        frame = frame.join(facts, on="news_id", how="left", maintain_order="left")
    found = []
    for row in frame.iter_rows(named=True):  # tens of thousands of articles, once
        attributes = {"url": row["url"], "sentiment": row.get("sentiment")}
        item = Item(
            item_id=ItemId(row["news_id"]),
            title=row["title"],
            body=row["abstract"],
            category=row["category"],
            subcategory=row["subcategory"],
            source=row.get("publisher") or "",
            published_at=row.get("published_at") or 0,
            attributes={name: value for name, value in attributes.items() if value},
        )
        found.append(ItemRow(item, file, row[LINE]))
    return found


def _read_extra(path: Path, rejections: Rejections) -> tuple[pl.DataFrame, Table]:
    """One row per news_id with what the extra file says of it."""
    table = read_table(path, EXTRA_COLUMNS.__contains__, (), rejections)
    require_columns(table, ["news_id"], "the extra file")
    sieve = Sieve(path, table.frame, rejections)
    if any(dtype != pl.String for name, dtype in sieve.frame.schema.items() if name != LINE):
        raise InvalidInput(f"{path}: the extra file must be text (.tsv or .csv)")
    sieve.drop(pl.col("news_id").is_null(), "news_id", "is empty")
    if "date_published" in table.columns:
        day = pl.col("date_published").str.to_datetime(DATE_FORMAT, strict=False, time_unit="us")
        sieve.frame = sieve.frame.with_columns(day.cast(pl.Int64).alias("published_at"))
        unreadable = pl.col("date_published").is_not_null() & pl.col("published_at").is_null()
        sieve.drop(unreadable, "date_published", "is not a date like 24.05.2022", "date_published")
    return sieve.frame.drop(LINE).unique("news_id", keep="first", maintain_order=True), table


def _impressions(table: Table, file: int, rejections: Rejections) -> pl.DataFrame:
    """One row per good impression: user, time, request, history, item_ids and clicked, both aligned lists."""
    sieve = Sieve(table.path, table.frame, rejections)
    for name in ("impression_id", "user_id"):
        sieve.drop(pl.col(name).str.strip_chars() == "", name, "is empty")
    micros = pl.col("time").str.to_datetime(TIME_FORMAT, strict=False, time_unit="us").cast(pl.Int64)
    sieve.frame = sieve.frame.with_columns(micros.alias("micros"))
    sieve.drop(pl.col("micros").is_null(), "time", "is not a time like 11/12/2019 2:14:46 PM", "time")
    sieve.drop(pl.col("impressions").str.strip_chars() == "", "impressions", "is empty")
    sieve.frame = sieve.frame.with_columns(_words("impressions").alias("shown"))
    element = pl.element()
    bad = pl.col("shown").list.eval(element.filter(~element.str.contains(r"^.+-[01]$"))).list.first()
    sieve.frame = sieve.frame.with_columns(bad.alias("bad"))
    sieve.drop(pl.col("bad").is_not_null(), "impressions", "has a candidate that does not end in -0 or -1", "bad")
    # MIND numbers impressions anew in each split, so the number alone would join two requests into one
    request = pl.format("mind:{}:{}", pl.col("impression_id"), pl.col("micros") // SECOND)
    return sieve.frame.select(
        pl.col("user_id"),
        pl.col("micros").alias("time"),
        request.alias("request_id"),
        _words("history").alias("history"),
        pl.col("shown").list.eval(element.str.head(-2)).alias("item_ids"),
        pl.col("shown").list.eval(element.str.ends_with("-1")).alias("clicked"),
        pl.lit(file, dtype=pl.Int32).alias(FILE),
        pl.col(LINE),
    )


def _views(shown: pl.DataFrame) -> pl.DataFrame:
    return shown.drop("history", "clicked").with_columns(_action(Action.VIEW))


def _clicks(shown: pl.DataFrame) -> pl.DataFrame:
    positions = pl.int_ranges(1, pl.col("item_ids").list.len() + 1).alias("position")
    return (
        shown.drop("history")
        .with_columns(positions)
        .explode("item_ids", "clicked", "position")
        .filter("clicked")
        .drop("clicked")
        .rename({"item_ids": "item_id"})
        .with_columns(_action(Action.CLICK))
    )


def _reads(shown: pl.DataFrame) -> pl.DataFrame:
    """The history of each user's first impression, as clicks before it."""
    first = shown.sort("time", FILE, LINE).unique("user_id", keep="first", maintain_order=True)
    back = pl.int_ranges(pl.col("history").list.len(), 0, -1).alias("back")  # n for the oldest, 1 for the newest
    at = pl.col("time") - HISTORY_ENDS_BEFORE - (pl.col("back") - 1) * HISTORY_GAP
    return (
        first.filter(pl.col("history").list.len() > 0)
        .with_columns(back)
        .explode("history", "back")
        .select("user_id", at.alias("time"), pl.col("history").alias("item_id"), _action(Action.CLICK), FILE, LINE)
    )


def _words(column: str) -> pl.Expr:
    """The space-separated words of a text column, without empty ones."""
    return pl.col(column).str.split(" ").list.eval(pl.element().filter(pl.element() != ""))


def _action(action: Action) -> pl.Expr:
    return pl.lit(int(action), dtype=pl.Int8).alias("action")
