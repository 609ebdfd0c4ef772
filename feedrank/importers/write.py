"""Writes an import plan to a store: items first, then users, then events in time order, in large batches.

Knows nothing of file formats or terminals. Items and events are written as imported (received at their own times), and
every write is idempotent, so that an import that stopped half way is completed by running it again.
"""

import time
from collections.abc import Callable, Sequence

import polars as pl

from feedrank.errors import StoreError
from feedrank.importers.event_table import FILE, events_of, in_log_order, item_ids_of
from feedrank.importers.plan import ImportPlan, ItemRow, Summary, Written
from feedrank.importers.rejections import LINE
from feedrank.store.data_settings import load_data_settings, save_data_settings
from feedrank.store.protocol import LogStore
from feedrank.types import ItemId, Micros, WriteResult

EVENT_BATCH = 10_000  # one durable transaction each; larger batches gain nothing and hold the write lock longer
ITEM_BATCH = 1_000  # items carry texts
USER_BATCH = 1_000
LOOKUP_BATCH = 10_000

Progress = Callable[[int], None]  # told of each batch how many records it held


def write_plan(
    plan: ImportPlan, store: LogStore, now: Micros, progress: Progress, serve_unlisted: bool | None = None
) -> Summary:
    """Writes everything of `plan` and says what became of it.

    `now`: the clock; what is said of users is received then, items and events at their own times.
    `serve_unlisted`: True sets the data directory's serve_unlisted_items, False leaves it, None sets it when an event
    names an item without an item record (the log itself proves that such items were served). It is never unset.
    Raises StoreError naming how far it came; what was written stays, and running the import again completes it.
    """
    started = time.monotonic()
    rows_rejected = plan.rejections.count
    items = _write_items(plan, store, progress)
    users = _write_users(plan, store, now, progress)
    unlisted = _unlisted(store, item_ids_of(plan.events))
    settings = load_data_settings(store)
    if (serve_unlisted or (serve_unlisted is None and unlisted)) and not settings.serve_unlisted_items:
        settings = settings.model_copy(update={"serve_unlisted_items": True})
        save_data_settings(store, settings)
    events = _write_events(plan, store, progress)
    return Summary(
        files=plan.files,
        rows=sum(f.rows for f in plan.files),
        rows_rejected=rows_rejected,
        items=items,
        events=events,
        users=users,
        rejected=plan.rejections.groups(),
        unlisted_items=unlisted,
        serve_unlisted_items=settings.serve_unlisted_items,
        notes=plan.notes,
        seconds=round(time.monotonic() - started, 3),
    )


def _write_items(plan: ImportPlan, store: LogStore, progress: Progress) -> Written:
    rows, repeated = _distinct(plan.items)
    total = Written(read=repeated, duplicates=repeated)
    progress(repeated)
    for start in range(0, len(rows), ITEM_BATCH):
        batch = rows[start : start + ITEM_BATCH]
        result = store.append_items([row.item for row in batch], None)
        for refused in result.rejected:
            row = batch[refused.index]
            plan.rejections.add_store_reason(plan.files[row.file].path, row.line, refused.reason)
        total = _added(total, result, len(batch))
        progress(len(batch))
    return total


def _distinct(rows: Sequence[ItemRow]) -> tuple[list[ItemRow], int]:
    """The first row of each version of each item, oldest first, and how many others there were.

    Were two differing rows of one version both written, importing the file again would write the first once more.
    """
    first: dict[tuple[ItemId, Micros], ItemRow] = {}
    for row in rows:
        first.setdefault((row.item.item_id, _version(row)), row)
    ordered = sorted(first.values(), key=_version)
    return ordered, len(rows) - len(ordered)


def _version(row: ItemRow) -> Micros:
    return row.item.updated_at or row.item.published_at


def _write_users(plan: ImportPlan, store: LogStore, now: Micros, progress: Progress) -> Written:
    """Received now: it is what the data last says, and no earlier instant may know it.

    A user the store knows is left alone: what a backend says of its users is newer than any data set.
    """
    rows = [row for row in plan.users if store.account(row.user.user_id).user is None]
    known = len(plan.users) - len(rows)
    total = Written(read=known, duplicates=known)
    progress(known)
    for start in range(0, len(rows), USER_BATCH):
        batch = rows[start : start + USER_BATCH]
        result = store.append_users([row.user for row in batch], now)
        for refused in result.rejected:
            row = batch[refused.index]
            plan.rejections.add_store_reason(plan.files[row.file].path, row.line, refused.reason)
        total = _added(total, result, len(batch))
        progress(len(batch))
    return total


def _write_events(plan: ImportPlan, store: LogStore, progress: Progress) -> Written:
    table = in_log_order(plan.events)
    total = Written(read=plan.collapsed, duplicates=plan.collapsed)
    for start in range(0, table.height, EVENT_BATCH):
        batch = table.slice(start, EVENT_BATCH)
        try:
            result = store.append_events(events_of(batch), None)
        except StoreError as e:
            done = f"{start} of {table.height} events were written; run the import again to complete it"
            raise type(e)(f"{e} ({done})") from e
        if result.rejected:
            _note_refused_events(plan, batch, result)
        total = _added(total, result, batch.height)
        progress(batch.height)
    return total


def _note_refused_events(plan: ImportPlan, batch: pl.DataFrame, result: WriteResult) -> None:
    files, lines = batch[FILE].to_list(), batch[LINE].to_list()
    for refused in result.rejected:
        path = plan.files[files[refused.index]].path
        plan.rejections.add_store_reason(path, lines[refused.index], refused.reason)


def _unlisted(store: LogStore, item_ids: Sequence[str]) -> int:
    """How many of these items have no item record."""
    count = 0
    for start in range(0, len(item_ids), LOOKUP_BATCH):
        batch = item_ids[start : start + LOOKUP_BATCH]
        rows = [row for row in store.rows_of(batch) if row is not None]
        listed = sum(item is not None for item in store.items(rows))
        count += len(batch) - listed
    return count


def _added(total: Written, result: WriteResult, read: int) -> Written:
    return Written(
        total.read + read,
        total.accepted + result.accepted,
        total.duplicates + result.duplicates,
        total.rejected + len(result.rejected),
    )
