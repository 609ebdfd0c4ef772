"""Tables of the embedded store, their version, and the data directory's secret.

The log is the truth; every other table is kept by key beside it. Knows nothing of what is appended or asked.
"""

import secrets
import sqlite3
from pathlib import Path

from feedrank.errors import StoreError, StoreTooNew

SCHEMA_VERSION = 1
_SECRET_BYTES = 32

# Text that names a user stands only in rows that never change, of tables that grow at their end (log, users, slates):
# where a page in the middle is split or merged, SQLite leaves copies of the moved rows in the page's slack, which a
# later erasure does not reach. Merges after deletions still do it; retention rewrites the file for their sake.
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

CREATE TABLE log (
    offset INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL,
    version INTEGER NOT NULL,
    time INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    imported INTEGER NOT NULL,
    event_key INTEGER,
    payload BLOB NOT NULL
);
CREATE INDEX log_event_key ON log (event_key) WHERE event_key IS NOT NULL;
CREATE INDEX log_live ON log (received_at) WHERE imported = 0;

CREATE TABLE item_rows (
    row INTEGER PRIMARY KEY,
    item_id TEXT NOT NULL UNIQUE,
    upsert_offset INTEGER,
    deleted INTEGER NOT NULL DEFAULT 0,
    updated_at INTEGER NOT NULL DEFAULT 0,
    digest BLOB
);

CREATE TABLE spaces (n INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, dimensions INTEGER NOT NULL);
CREATE TABLE item_vectors (
    space INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    row INTEGER NOT NULL,
    content_hash BLOB NOT NULL,
    PRIMARY KEY (space, offset)
) WITHOUT ROWID;
CREATE INDEX item_vectors_row ON item_vectors (space, row);

CREATE TABLE users (
    n INTEGER PRIMARY KEY,
    user_key INTEGER NOT NULL,
    user_id TEXT NOT NULL
);
CREATE INDEX users_key ON users (user_key);

CREATE TABLE accounts (
    user INTEGER PRIMARY KEY,
    region TEXT NOT NULL DEFAULT '',
    personalization INTEGER NOT NULL DEFAULT 0,
    upsert_offset INTEGER -- of the latest UserUpserted
);

CREATE TABLE user_events (
    user INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    time INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    action INTEGER NOT NULL,
    rows BLOB,
    value REAL,
    key TEXT,
    session INTEGER,
    request INTEGER,
    vector BLOB,
    space TEXT,
    PRIMARY KEY (user, lane, time, offset)
) WITHOUT ROWID;

CREATE TABLE request_views (
    key INTEGER PRIMARY KEY,
    newest INTEGER NOT NULL,
    viewed BLOB NOT NULL,
    clicked BLOB NOT NULL
);

CREATE TABLE erased (user_hash TEXT PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE optouts (user_hash TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE slates (
    n INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    user INTEGER,
    request_key INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX slates_time ON slates (time);
CREATE INDEX slates_request ON slates (request_key);
CREATE INDEX slates_user ON slates (user) WHERE user IS NOT NULL;

CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE workers (
    worker_id TEXT PRIMARY KEY,
    pid INTEGER NOT NULL,
    position INTEGER NOT NULL,
    model_version TEXT NOT NULL,
    beat_at INTEGER NOT NULL,
    details TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


def ensure(conn: sqlite3.Connection, path: Path) -> bytes:
    """Makes the tables where there are none, checks their version, and returns the data directory's secret.

    Runs inside the caller's write transaction. Raises StoreTooNew for a newer version, StoreError for a foreign
    database.
    """
    tables = {name for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not tables:
        for statement in _TABLES.split(";"):
            conn.execute(statement)
        conn.executemany(
            "INSERT INTO meta (name, value) VALUES (?, ?)",
            [("schema", SCHEMA_VERSION), ("secret", secrets.token_bytes(_SECRET_BYTES))],
        )
    elif "meta" not in tables:
        raise StoreError(f"{path}: holds tables of another program; point --data-dir elsewhere or move the file away.")
    version = meta(conn, "schema")
    if not isinstance(version, int):
        raise StoreError(f"{path}: names no schema version; it was not made by feedrank. Move the file away.")
    if version > SCHEMA_VERSION:
        raise StoreTooNew(
            f"{path}: has schema version {version}, this feedrank reads up to {SCHEMA_VERSION}. Upgrade feedrank."
        )
    secret = meta(conn, "secret")
    if not isinstance(secret, bytes):
        raise StoreError(f"{path}: its secret is missing; the file is damaged. Restore a copy.")
    return secret


def meta(conn: sqlite3.Connection, name: str) -> int | bytes | None:
    """One fact about the file itself, or None."""
    found: tuple[int | bytes] | None = conn.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if found is None else found[0]


def set_meta(conn: sqlite3.Connection, name: str, value: int) -> None:
    """Sets one fact about the file itself."""
    conn.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))
