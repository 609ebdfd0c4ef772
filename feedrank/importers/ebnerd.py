"""EB-NeRD (Ekstra Bladet News Recommendation Dataset; Kruse et al., RecSys Challenge 2024) as items, users and events.

An impression becomes one VIEW of the articles in view and one CLICK per clicked one, with the same request id and
time. A history row becomes a CLICK without a request. The seconds a page was read become a DWELL once they have
passed, counted from when the page opened and never at the click's own time, where it would tell a ranker the outcome.

Repetitions: the history files overlap, and repeat clicks of the behaviors files some seconds later. Equal (user,
article, time) is one read. A history row within SAME_CLICK_WITHIN after a click of the same user and article is that
click; it only lends the click its reading time where that is missing. So the files of one import must be given
together.

Not imported: gender, age, postcode and sign-on (personal, and not needed to rank), device (it belongs to a request;
events have no field for it), scroll depth, and the page a list stood on as a read of its own. Times are UTC.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from feedrank.importers.ebnerd_articles import read_articles
from feedrank.importers.ebnerd_tables import read_history, read_impressions
from feedrank.importers.event_table import FILE, with_event_ids
from feedrank.importers.plan import FileCount, ImportPlan, ItemRow, UserRow
from feedrank.importers.rejections import LINE, Rejections
from feedrank.types import MINUTE, SECOND, Action, User, UserId

SOURCE = "ebnerd"
SAME_CLICK_WITHIN = 5 * MINUTE  # a repeated click comes a median of 23 s later, when its page has opened
READ_KEY = ["user_id", "item_id", "time"]
SHORTEST_DWELL_S = 1.0  # 0 s means less than the clock's resolution; the DWELL still comes after the click


def read_ebnerd(behaviors: Sequence[Path], histories: Sequence[Path] = (), articles: Path | None = None) -> ImportPlan:
    """Reads EB-NeRD's Parquet files. Raises InvalidInput for a file that cannot be read or lacks a needed column."""
    rejections = Rejections()
    files: list[FileCount] = []
    items: tuple[ItemRow, ...] = ()
    if articles is not None:
        table, items = read_articles(articles, len(files), rejections)
        files.append(FileCount(table.path, table.rows))
    impressions, reads = [], []
    for path in behaviors:
        table, frame = read_impressions(path, len(files), rejections)
        impressions.append(frame)
        files.append(FileCount(path, table.rows))
    for path in histories:
        table, frame = read_history(path, len(files), rejections)
        reads.append(frame)
        files.append(FileCount(path, table.rows))
    shown = pl.concat(impressions)
    clicks = _clicks(shown)
    rows = pl.concat(reads) if reads else clicks.select(*READ_KEY, "seconds", FILE, LINE).clear()
    distinct = _matched(rows.unique(READ_KEY, keep="first", maintain_order=True), clicks)
    repeated = distinct.filter(pl.col("click_time").is_not_null())
    own = distinct.filter(pl.col("click_time").is_null()).drop("click_time").with_columns(opened="time")
    read = pl.concat([_with_lent_dwell(clicks, repeated), own], how="diagonal")
    events = pl.concat([_views(shown), _as_clicks(read), _as_dwells(read)], how="diagonal")
    return ImportPlan(
        files=tuple(files),
        rejections=rejections,
        items=items,
        events=with_event_ids(events, SOURCE),
        users=_users(shown),
        collapsed=rows.height - own.height,
        notes={
            "impressions": shown.height,
            "history_rows": rows.height,
            "history_rows_repeated_in_the_history": rows.height - distinct.height,
            "history_rows_that_are_clicks_of_impressions": repeated.height,
        },
    )


def _views(shown: pl.DataFrame) -> pl.DataFrame:
    return shown.drop("clicked", "opened", "seconds", "subscriber").with_columns(_action(Action.VIEW))


def _clicks(shown: pl.DataFrame) -> pl.DataFrame:
    """One row per clicked article; `position` is null where it was not in view."""
    clicks = shown.with_row_index("row").explode("clicked").drop_nulls("clicked")
    places = (
        clicks.select("row", "item_ids")
        .unique("row", maintain_order=True)
        .with_columns(pl.int_ranges(1, pl.col("item_ids").list.len() + 1).alias("position"))
        .explode("item_ids", "position")
        .unique(["row", "item_ids"], keep="first", maintain_order=True)
    )
    return (
        clicks.drop("item_ids", "subscriber")
        .join(places, left_on=["row", "clicked"], right_on=["row", "item_ids"], how="left", maintain_order="left")
        .rename({"clicked": "item_id"})
        .drop("row")
    )


def _matched(history: pl.DataFrame, clicks: pl.DataFrame) -> pl.DataFrame:
    """`history` with `click_time`: that user and article's latest click, SAME_CLICK_WITHIN before at most, or null."""
    right = clicks.select("user_id", "item_id", pl.col("time").alias("click_time")).unique().sort("click_time")
    return (
        history.sort("time", maintain_order=True)
        .join_asof(
            right.with_columns(pl.col("click_time").alias("at")),
            left_on="time",
            right_on="at",
            by=["user_id", "item_id"],
            strategy="backward",
            tolerance=SAME_CLICK_WITHIN,
            check_sortedness=False,  # both were just sorted; with `by` Polars cannot see it and warns
        )
        .drop("at", strict=False)
    )


def _with_lent_dwell(clicks: pl.DataFrame, repeated: pl.DataFrame) -> pl.DataFrame:
    """Clicks without a reading time take that of the first history row that repeats them, from that row's time on."""
    lent = (
        repeated.filter(pl.col("seconds").is_not_null())
        .sort("time", maintain_order=True)
        .unique(["user_id", "item_id", "click_time"], keep="first", maintain_order=True)
        .select("user_id", "item_id", pl.col("click_time").alias("time"), lent_opened="time", lent_seconds="seconds")
    )
    joined = clicks.join(lent, on=READ_KEY, how="left", maintain_order="left")
    lacks = pl.col("seconds").is_null() & pl.col("lent_seconds").is_not_null()
    return joined.with_columns(
        pl.when(lacks).then("lent_opened").otherwise("opened").alias("opened"),
        pl.coalesce("seconds", "lent_seconds").alias("seconds"),
    ).drop("lent_opened", "lent_seconds")


def _as_clicks(read: pl.DataFrame) -> pl.DataFrame:
    return read.drop("opened", "seconds").with_columns(_action(Action.CLICK))


def _as_dwells(read: pl.DataFrame) -> pl.DataFrame:
    passed = (pl.max_horizontal("seconds", pl.lit(SHORTEST_DWELL_S)) * SECOND).cast(pl.Int64)
    return (
        read.drop_nulls("seconds")
        .with_columns(
            (pl.col("opened") + passed).alias("time"), pl.col("seconds").alias("value"), _action(Action.DWELL)
        )
        .select("user_id", "time", "action", "item_id", "value", "session_id", "surface", FILE, LINE)
    )


def _users(shown: pl.DataFrame) -> tuple[UserRow, ...]:
    """Whether each user subscribes, as of their last impression that says so."""
    by_time = shown.drop_nulls("subscriber").sort("time", maintain_order=True)
    last = by_time.unique("user_id", keep="last", maintain_order=True)
    return tuple(
        UserRow(User(UserId(user), attributes={"subscriber": "true" if subscriber else "false"}), file, line)
        for user, subscriber, file, line in last.select("user_id", "subscriber", FILE, LINE).iter_rows()
    )


def _action(action: Action) -> pl.Expr:
    return pl.lit(int(action), dtype=pl.Int8).alias("action")
