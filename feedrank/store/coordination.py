"""Leases, heartbeats and settings: how processes on one data directory agree.

Knows nothing of what is leased or set. The clock is an argument.
"""

import json
import sqlite3

from feedrank.store.protocol import WorkerStatus
from feedrank.types import Micros


def acquire_lease(conn: sqlite3.Connection, name: str, holder: str, now: Micros, ttl: Micros) -> bool:
    """Takes or renews a lease until now + ttl; False while another holder's has not run out."""
    changed = conn.execute(
        "INSERT INTO leases (name, holder, until) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE "
        "SET holder = excluded.holder, until = excluded.until "
        "WHERE leases.holder = excluded.holder OR leases.until <= ?",
        (name, holder, now + ttl, now),
    )
    return changed.rowcount > 0


def release_lease(conn: sqlite3.Connection, name: str, holder: str) -> None:
    """Gives a lease up; nothing happens if another holds it."""
    conn.execute("DELETE FROM leases WHERE name = ? AND holder = ?", (name, holder))


def heartbeat(conn: sqlite3.Connection, status: WorkerStatus) -> None:
    """Replaces a worker's last heartbeat."""
    conn.execute(
        "INSERT OR REPLACE INTO workers (worker_id, pid, position, model_version, beat_at, details) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            status.worker_id,
            status.pid,
            status.position,
            status.model_version,
            status.beat_at,
            json.dumps(dict(status.details)),
        ),
    )


def workers(conn: sqlite3.Connection, alive_since: Micros) -> list[WorkerStatus]:
    """Workers whose last heartbeat is not older, by id."""
    sql = (
        "SELECT worker_id, pid, position, model_version, beat_at, details FROM workers "
        "WHERE beat_at >= ? ORDER BY worker_id"
    )
    found = conn.execute(sql, (alive_since,))
    return [
        WorkerStatus(worker_id, pid, position, model_version, beat_at, json.loads(details))
        for worker_id, pid, position, model_version, beat_at, details in found
    ]


def forget_workers(conn: sqlite3.Connection, before: Micros) -> None:
    """Drops heartbeats of workers long gone."""
    conn.execute("DELETE FROM workers WHERE beat_at < ?", (before,))


def get_setting(conn: sqlite3.Connection, name: str) -> str | None:
    """A setting of the data directory, or None."""
    found: tuple[str] | None = conn.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return None if found is None else found[0]


def set_setting(conn: sqlite3.Connection, name: str, value: str) -> None:
    """Sets a setting of the data directory."""
    conn.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))
