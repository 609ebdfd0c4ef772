"""EB-NeRD's articles.parquet as items.

Left out on purpose: total_inviews, total_pageviews and total_read_time (sums over the articles' whole future), and
last_modified_time (set weeks later for nearly all: it would hide the articles from their own readers). Columns that
are missing leave their fields empty; only article_id is needed.
"""

from pathlib import Path

import polars as pl

from feedrank.importers.fields import take_list, take_text, take_time
from feedrank.importers.plan import ItemRow
from feedrank.importers.rejections import LINE, Rejections, Sieve
from feedrank.importers.tables import Table, read_parquet, require_columns
from feedrank.types import Item, ItemId

LANGUAGE = "da"
PUBLISHER = "Ekstra Bladet"
TEXTS = ("article_id", "title", "subtitle", "body", "category_str", "premium", "article_type", "sentiment_label", "url")
LISTS = ("topics", "subcategory")
ATTRIBUTES = ("premium", "article_type", "sentiment_label", "url")


def read_articles(path: Path, file: int, rejections: Rejections) -> tuple[Table, tuple[ItemRow, ...]]:
    """One item per row that has an article_id. Raises InvalidInput if the file cannot be read or has no such column."""
    takes = {*TEXTS, *LISTS, "published_time"}
    table = read_parquet(path, takes.__contains__, rejections)
    require_columns(table, ["article_id"], "an articles file")
    absent = [pl.lit(None).alias(name) for name in sorted(takes) if name not in table.columns]
    sieve = Sieve(path, table.frame.with_columns(absent), rejections)
    sieve.drop(pl.col("article_id").is_null(), "article_id", "is missing")
    for name in TEXTS:
        take_text(sieve, name, name)
    for name in LISTS:
        take_list(sieve, name, name)
    take_time(sieve, "published_time", "published_at", None)
    return table, tuple(_item(row, file) for row in sieve.frame.iter_rows(named=True))


def _item(row: dict[str, object], file: int) -> ItemRow:
    def text(name: str) -> str:
        value = row[name]
        return value if isinstance(value, str) else ""

    subcategories, topics, published_at, line = row["subcategory"], row["topics"], row["published_at"], row[LINE]
    item = Item(
        item_id=ItemId(text("article_id")),
        title=text("title"),
        body="\n".join(part for part in (text("subtitle"), text("body")) if part),
        category=text("category_str"),
        subcategory=str(subcategories[0]) if isinstance(subcategories, list) and subcategories else "",
        language=LANGUAGE,
        source=PUBLISHER,
        tags=tuple(map(str, topics)) if isinstance(topics, list) else (),
        published_at=published_at if isinstance(published_at, int) else 0,
        attributes={name: text(name) for name in ATTRIBUTES if text(name)},
    )
    return ItemRow(item, file, line if isinstance(line, int) else 0)
