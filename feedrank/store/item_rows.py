"""Numbers of items: dense, by first appearance in the log, for ever; and what the catalog last said of each.

Knows nothing of events or of vectors.
"""

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from feedrank.content import item_from_pb
from feedrank.errors import InvalidInput
from feedrank.store import bulk
from feedrank.types import Item, Micros, Row
from feedrank.v1 import log_pb2 as log


class RowNumbers:
    """Looks up the rows of a batch's items at once and numbers the new ones. Lives within one write transaction."""

    def __init__(self, conn: sqlite3.Connection, item_ids: Collection[str]) -> None:
        self._conn = conn
        self._rows = lookup(conn, item_ids)
        self._new: list[tuple[Row, str]] = []
        highest: tuple[Row | None] = conn.execute("SELECT max(row) FROM item_rows").fetchone()
        self._next: Row = 0 if highest[0] is None else highest[0] + 1

    def get(self, item_id: str) -> Row | None:
        """The row of an item of this batch, or None if it has none yet."""
        return self._rows.get(item_id)

    def assign(self, item_id: str) -> Row:
        """The row of an item of this batch; the next free one if it has none yet."""
        row = self._rows.get(item_id)
        if row is None:
            row = self._next
            self._next += 1
            self._rows[item_id] = row
            self._new.append((row, item_id))
        return row

    def flush(self) -> None:
        """Writes the numbers given."""
        self._conn.executemany("INSERT INTO item_rows (row, item_id) VALUES (?, ?)", self._new)
        self._new.clear()


@dataclass(slots=True)
class CatalogEntry:
    """What the log last said of one item. `upsert_offset` is None for an item only known from events."""

    upsert_offset: int | None = None
    deleted: bool = False
    updated_at: Micros = 0
    digest: bytes = b""


def lookup(conn: sqlite3.Connection, item_ids: Collection[str]) -> dict[str, Row]:
    """The rows of those items that have one."""
    if not item_ids:
        return {}
    rest = "FROM item_rows WHERE item_id IN (SELECT value FROM json_each(?))"
    return dict(bulk.select(conn, "item_id, row", rest, item_ids))


def entries(conn: sqlite3.Connection, rows: Collection[Row]) -> dict[Row, CatalogEntry]:
    """What the log last said of these rows."""
    sql = (
        "SELECT row, upsert_offset, deleted, updated_at, digest FROM item_rows "
        "WHERE row IN (SELECT value FROM json_each(?))"
    )
    found = conn.execute(sql, (json.dumps(list(rows)),))
    return {row: CatalogEntry(offset, bool(deleted), at, digest or b"") for row, offset, deleted, at, digest in found}


def save_entries(conn: sqlite3.Connection, changed: dict[Row, CatalogEntry]) -> None:
    """Writes what the log now says of these rows."""
    conn.executemany(
        "UPDATE item_rows SET upsert_offset = ?, deleted = ?, updated_at = ?, digest = ? WHERE row = ?",
        [(e.upsert_offset, e.deleted, e.updated_at, e.digest, row) for row, e in changed.items()],
    )


def rows_of(conn: sqlite3.Connection, item_ids: Sequence[str]) -> list[Row | None]:
    """The row of each item, None for an item the log never named. Text that is no id has no row."""
    rows = lookup(conn, {item_id for item_id in item_ids if _storable(item_id)})
    return [rows.get(item_id) for item_id in item_ids]


def ids_of(conn: sqlite3.Connection, rows: Sequence[Row]) -> list[str]:
    """The item id of each row. A row never given out raises InvalidInput."""
    sql = "SELECT row, item_id FROM item_rows WHERE row IN (SELECT value FROM json_each(?))"
    ids: dict[Row, str] = dict(conn.execute(sql, (json.dumps([int(row) for row in rows]),)))
    unknown = [row for row in rows if int(row) not in ids]
    if unknown:
        raise InvalidInput(f"row {unknown[0]} has not been given to any item")
    return [ids[int(row)] for row in rows]


def items(conn: sqlite3.Connection, rows: Sequence[Row]) -> list[Item | None]:
    """Each row's item as last upserted, without its vectors; None where it was deleted or never upserted."""
    sql = (
        "SELECT item_rows.row, log.payload FROM item_rows JOIN log ON log.offset = item_rows.upsert_offset "
        "WHERE item_rows.deleted = 0 AND item_rows.row IN (SELECT value FROM json_each(?))"
    )
    payloads: dict[Row, bytes] = dict(conn.execute(sql, (json.dumps([int(row) for row in rows]),)))
    found = {row: item_from_pb(log.ItemUpserted.FromString(payload).item) for row, payload in payloads.items()}
    return [found.get(int(row)) for row in rows]


def _storable(item_id: str) -> bool:
    """Whether SQLite can be asked for this text at all: a lone surrogate has no UTF-8."""
    return item_id.isascii() or item_id.encode(errors="ignore").decode() == item_id
