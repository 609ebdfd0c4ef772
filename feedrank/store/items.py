"""Items into the log: upserts with the caller's own vectors, and deletions.

An upsert older than what is stored, or with the same content, is a duplicate. A deleted item comes back only by an
upsert. Knows nothing of how items are ranked or encoded.
"""

import hashlib
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from feedrank.content import content_hash, item_to_pb
from feedrank.limits import MAX_ID_BYTES, item_fault, shown, text_fault
from feedrank.records import Kind
from feedrank.settings import Settings
from feedrank.store import item_rows, log_table
from feedrank.store.vectors import Landing, unit_length
from feedrank.types import Item, Micros, Rejection, Row, WriteResult
from feedrank.v1 import log_pb2 as log

_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class PreparedItems:
    """A checked batch, ready to be written: all that needs no database."""

    items: list[tuple[int, Item, bytes, log.ItemUpserted]] = field(default_factory=list)  # index, item, digest, payload
    rejected: list[Rejection] = field(default_factory=list)


def prepare(items: Sequence[Item], received_at: Micros | None, settings: Settings) -> PreparedItems:
    """Checks every item and makes its payload. An import's times are held against this machine's clock."""
    batch = PreparedItems()
    clock = time.time_ns() // 1_000 if received_at is None else received_at
    for index, item in enumerate(items):
        fault = item_fault(item, clock, settings.max_future_s)
        if fault is not None:
            batch.rejected.append(Rejection(index, fault))
            continue
        message = item_to_pb(item)
        payload = log.ItemUpserted(item=message, content_hash=content_hash(item))
        message.ClearField("updated_at")
        whole = message.SerializeToString(deterministic=True)
        # Vectors land as records of their own; in the item they would double the log.
        payload.item.ClearField("vectors")
        batch.items.append((index, item, hashlib.blake2b(whole, digest_size=_DIGEST_BYTES).digest(), payload))
    return batch


def append(conn: sqlite3.Connection, batch: PreparedItems, received_at: Micros | None) -> WriteResult:
    """Writes a checked batch within the caller's transaction."""
    appender = log_table.LogAppender(conn, received_at)
    numbers = item_rows.RowNumbers(conn, {item.item_id for _, item, _, _ in batch.items})
    landing = Landing(conn, appender)
    known = {row for _, item, _, _ in batch.items if (row := numbers.get(item.item_id)) is not None}
    catalog = item_rows.entries(conn, known)
    changed: dict[Row, item_rows.CatalogEntry] = {}
    rejected, accepted, duplicates = list(batch.rejected), 0, 0
    for index, item, digest, payload in batch.items:
        found = numbers.get(item.item_id)
        entry = item_rows.CatalogEntry() if found is None else catalog[found]
        updated_at = item.updated_at or (item.published_at if received_at is None else appender.received_at(0))
        if _is_duplicate(entry, updated_at, digest):
            duplicates += 1
            if updated_at > entry.updated_at and found is not None:
                entry.updated_at = updated_at
                changed[found] = entry
            continue
        fault = landing.fault(item.vectors)
        if fault is not None:
            rejected.append(Rejection(index, fault))
            continue
        row = numbers.assign(item.item_id)
        time = _record_time(item, entry, updated_at, appender)
        payload.row = row
        offset = appender.add(Kind.ITEM_UPSERTED, time, payload.SerializeToString())
        for space, values in item.vectors.items():
            landing.land_own(space, row, item.item_id, payload.content_hash, unit_length(values), time)
        catalog[row] = changed[row] = item_rows.CatalogEntry(offset, False, updated_at, digest)
        accepted += 1
    numbers.flush()
    appender.flush()
    item_rows.save_entries(conn, changed)
    return WriteResult(accepted, duplicates, tuple(sorted(rejected, key=lambda r: r.index)))


def _is_duplicate(entry: item_rows.CatalogEntry, updated_at: Micros, digest: bytes) -> bool:
    if entry.upsert_offset is None:
        return False
    return updated_at < entry.updated_at or (digest == entry.digest and not entry.deleted)


def _record_time(
    item: Item, entry: item_rows.CatalogEntry, updated_at: Micros, appender: log_table.LogAppender
) -> Micros:
    """Live: now. Imported: when the item first stood there, and for later versions when they did."""
    if not appender.imported:
        return appender.received_at(0)
    return updated_at if entry.upsert_offset is not None else item.published_at or updated_at


def delete(conn: sqlite3.Connection, item_ids: Sequence[str], received_at: Micros | None) -> WriteResult:
    """Takes items out of the catalog within the caller's transaction. Deleting again is a duplicate."""
    appender = log_table.LogAppender(conn, received_at)
    rejected: list[Rejection] = []
    accepted = duplicates = 0
    rows = item_rows.rows_of(conn, item_ids)
    catalog = item_rows.entries(conn, {row for row in rows if row is not None})
    changed: dict[Row, item_rows.CatalogEntry] = {}
    for index, (item_id, row) in enumerate(zip(item_ids, rows, strict=True)):
        if row is None:
            fault = text_fault(f"item_ids[{index}]", item_id, MAX_ID_BYTES, required=True)
            rejected.append(Rejection(index, fault or f"item_ids[{index}] {shown(item_id)} is unknown"))
            continue
        if catalog[row].deleted:
            duplicates += 1
            continue
        time = _deletion_time(conn, catalog[row], appender)
        appender.add(Kind.ITEM_DELETED, time, log.ItemDeleted(item_id=item_id, row=row).SerializeToString())
        catalog[row].deleted = True
        changed[row] = catalog[row]
        accepted += 1
    appender.flush()
    item_rows.save_entries(conn, changed)
    return WriteResult(accepted, duplicates, tuple(rejected))


def _deletion_time(conn: sqlite3.Connection, entry: item_rows.CatalogEntry, appender: log_table.LogAppender) -> Micros:
    """Live: now. An imported deletion has no time of its own: it follows what it deletes."""
    if not appender.imported:
        return appender.received_at(0)
    upserted = log_table.read_at(conn, [] if entry.upsert_offset is None else [entry.upsert_offset])
    return upserted[0].time if upserted else 0
