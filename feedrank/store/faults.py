"""What went wrong inside SQLite, said in feedrank's errors: which file, what happened, what to do.

Knows nothing of what was being read or written.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feedrank.errors import StoreError, StoreFull

_UNEXPECTED = "this is a fault of feedrank; please report it"
_HELD = "another process has held the write lock too long; look for a hung feedrank on this data dir"
_REMEDIES = {
    sqlite3.SQLITE_BUSY: _HELD,
    sqlite3.SQLITE_LOCKED: _HELD,
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore a copy, or move it away and import again",
    sqlite3.SQLITE_NOTADB: "the file is not a feedrank store; point --data-dir elsewhere or move the file away",
    sqlite3.SQLITE_CANTOPEN: "check that the directory exists and that this user may write in it",
    sqlite3.SQLITE_READONLY: "check that this user may write the file and its directory",
    sqlite3.SQLITE_PERM: "check that this user may write the file and its directory",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write; check the file system",
}


def primary_code(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code; None for errors raised by Python's binding itself, which carry none."""
    code = vars(error).get("sqlite_errorcode")
    return None if code is None else code & 0xFF


def is_busy(error: sqlite3.Error) -> bool:
    """Whether trying again may succeed: another connection holds a lock."""
    return primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def store_error(error: sqlite3.Error, path: Path) -> StoreError:
    """The feedrank error for an SQLite error on the store at `path`."""
    code = primary_code(error)
    if code == sqlite3.SQLITE_FULL:
        return StoreFull(
            f"{path}: the disk is full; nothing of this batch was kept. Free some space and send it again."
        )
    remedy = _REMEDIES.get(code, _UNEXPECTED) if code is not None else _UNEXPECTED
    return StoreError(f"{path}: {error}: {remedy}.")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Runs its body, turning SQLite errors into StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(error, path) from error
