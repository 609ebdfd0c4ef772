"""The rest of the log as tables: events, categories of items, and the definitions of experiments.

Knows nothing of slates, variants or metrics.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from feedrank.records import EventRecorded, ExperimentsChanged, ItemUpserted, Kind, decode
from feedrank.store import LogStore
from feedrank.training.facts import PAGE, Progress, no_progress
from feedrank.types import I64, Micros

EVENT_SCHEMA: dict[str, Any] = {
    "user_id": pl.String,
    "session_id": pl.String,
    "request_id": pl.String,
    "time": pl.Int64,
    "action": pl.Int8,
    "items": pl.Int32,  # how many it is about
    "row": pl.Int64,  # of the first of them, -1 for none
    "value": pl.Float64,  # NaN when absent
}
_KINDS = (Kind.EVENT, Kind.ITEM_UPSERTED, Kind.EXPERIMENTS_CHANGED)


@dataclass(frozen=True, slots=True)
class LogTables:
    """What one pass over the log found."""

    events: pl.DataFrame  # EVENT_SCHEMA, in log order
    categories: I64  # (catalog rows,) a code of each item's category, 0 where unknown
    definitions: tuple[ExperimentsChanged, ...]


def read_log(store: LogStore, until: Micros, progress: Progress = no_progress) -> LogTables:
    """Events before `until` by fold time, and all the rest. StoreError if the log cannot be read."""
    events: list[Any] = []
    category_of: dict[int, str] = {}
    definitions: list[ExperimentsChanged] = []
    after = 0
    while page := store.read(after, PAGE):
        for record in page:
            fact = decode(record) if record.kind in _KINDS else None
            if isinstance(fact, EventRecorded):
                if fact.time < until:
                    events.append(_entry(fact))
            elif isinstance(fact, ItemUpserted):
                category_of[fact.row] = fact.item.category
            elif isinstance(fact, ExperimentsChanged):
                definitions.append(fact)
        after = page[-1].offset
        progress(len(page))
    names = sorted({name for name in category_of.values() if name})
    code = {name: i + 1 for i, name in enumerate(names)} | {"": 0}
    width = max(category_of, default=-1) + 1
    categories = np.zeros(width, np.int64)
    for row, name in category_of.items():
        categories[row] = code[name]
    return LogTables(pl.DataFrame(events, EVENT_SCHEMA, orient="row"), categories, tuple(definitions))


def _entry(fact: EventRecorded) -> tuple[Any, ...]:
    event, rows = fact.event, fact.rows
    first = rows[0] if rows else -1
    who = (event.user_id, event.session_id, event.request_id)
    return (*who, fact.time, int(fact.action), len(rows), first, fact.value)
