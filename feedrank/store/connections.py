"""Opening the database file, and the pool of connections that readers share.

Knows nothing of tables. A connection is used by one thread at a time.
"""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from feedrank.errors import StoreError
from feedrank.store.faults import is_busy, translated

FILE_NAME = "feedrank.sqlite3"
BUSY_TIMEOUT_S = 30.0  # longer than any single transaction or checkpoint; a lock held longer is a hung process
_RETRY_S = 0.001  # the write lock is handed over at this grain: far below a transaction, far above a system call

_WRITER_CACHE_KIB = 131_072  # the event-key index of some million events stays in memory; taken only as it is used
_READER_CACHE_KIB = 16_384
_WAL_PAGES = 16_384  # 64 MiB: a page changed by several batches reaches the main file once
_WAL_KEPT_BYTES = 134_217_728


def open_writer(path: Path) -> sqlite3.Connection:
    """The connection of the writer thread: WAL, every commit on disk, deleted content overwritten.

    Its busy timeout is 0: `retrying` waits instead, in small steps, so that processes take turns.
    """
    with translated(path):
        conn = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)
        try:
            retrying(lambda: conn.execute("PRAGMA journal_mode = WAL").close())
            conn.execute("PRAGMA synchronous = FULL")
            conn.execute("PRAGMA secure_delete = ON")
            conn.execute("PRAGMA temp_store = MEMORY")  # rollback pages of a batch never touch another file
            conn.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}")
            conn.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
            conn.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
        except sqlite3.Error:
            conn.close()
            raise
    return conn


def retrying(action: Callable[[], None]) -> None:
    """Runs `action`, again and again while another connection holds the lock it needs, up to BUSY_TIMEOUT_S."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            action()
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(_RETRY_S)


class ReaderPool:
    """Read-only connections, handed to one thread at a time; as many as ever read at once, the warmest first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: deque[sqlite3.Connection] = deque()
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection outside any transaction, for the body alone. SQLite errors leave as StoreError."""
        with translated(self._path):
            conn = self._take()
            try:
                yield conn
            finally:
                if conn.in_transaction:
                    conn.rollback()
                self._give_back(conn)

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the database throughout the body."""
        with self.connection() as conn:
            conn.execute("BEGIN")
            yield conn
            conn.execute("COMMIT")

    def close(self) -> None:
        """Closes idle connections now and the others when they come back."""
        with self._lock:
            self._closed = True
            idle = list(self._idle)
            self._idle.clear()
        for conn in idle:
            conn.close()

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StoreError(f"{self._path}: the store is closed.")
            if self._idle:
                return self._idle.pop()
        conn = sqlite3.connect(self._path, isolation_level=None, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
        conn.execute("PRAGMA query_only = ON")
        conn.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB}")
        return conn

    def _give_back(self, conn: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(conn)
                return
        conn.close()
