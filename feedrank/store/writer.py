"""Group commit: one thread per process writes, many callers' batches share a transaction and its one wait for the disk.

Each batch is atomic on its own: one that fails is rolled back alone, the others of its group stand. Knows nothing of
tables.
"""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from feedrank.errors import StoreError
from feedrank.store.connections import retrying
from feedrank.store.faults import store_error

T = TypeVar("T")

_ALONE_TIMEOUT_S = 5.0  # a checkpoint waits this long for readers; their queries are far shorter
_GROUP_S = 0.05  # no further batch joins a transaction this old: its callers have waited long enough
_YIELD_AFTER_S = 0.02  # after holding the write lock this long, let another process have it ...
_YIELD_S = 0.002  # ... by staying away for two of its retries


@dataclass(frozen=True, slots=True)
class _Job:
    run: Callable[[sqlite3.Connection], Any]
    done: "Future[Any]"
    alone: bool  # outside any transaction


class GroupCommitWriter:
    """Owns the writing connection, and tells who waits for a commit."""

    def __init__(self, conn: sqlite3.Connection, path: Path) -> None:
        self._conn = conn
        self._path = path
        self._commits = 0
        self._committed = threading.Condition()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
        self._thread.start()

    def write(self, batch: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `batch` inside a write transaction and returns its result once that is on disk.

        An exception from `batch` undoes all it wrote and is raised here. Raises StoreFull or StoreError when nothing
        was kept.
        """
        return self._submit(batch, alone=False)

    def run_alone(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `action` between transactions, for what SQLite refuses inside one: checkpoints and VACUUM."""
        return self._submit(action, alone=True)

    @property
    def commits(self) -> int:
        """How many transactions this process has committed."""
        return self._commits

    def wait_commit(self, seen: int, timeout_s: float) -> None:
        """Returns once `commits` exceeds `seen`, or after `timeout_s`. Raises StoreError once the store is closed."""
        with self._committed:
            if not self._closed and self._commits <= seen:
                self._committed.wait(timeout_s)
        if self._closed:
            raise StoreError(f"{self._path}: the store is closed.")

    def close(self) -> None:
        """Finishes what was submitted, then closes the connection. Later calls raise StoreError; this one may recur."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        with self._committed:
            self._committed.notify_all()
        self._thread.join()

    def _submit(self, run: Callable[[sqlite3.Connection], T], alone: bool) -> T:
        done: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise StoreError(f"{self._path}: the store is closed.")
            self._jobs.put(_Job(run, done, alone))
        return done.result()

    def _loop(self) -> None:
        job = self._jobs.get()
        while job is not None:
            job = self._alone(job) if job.alone else self._group(job)
        self._conn.close()

    def _alone(self, job: _Job) -> _Job | None:
        try:
            self._conn.execute(f"PRAGMA busy_timeout = {int(_ALONE_TIMEOUT_S * 1000)}")
            try:
                result = job.run(self._conn)
            finally:
                self._conn.execute("PRAGMA busy_timeout = 0")
        except BaseException as error:  # noqa: BLE001 - the caller, waiting in another thread, raises it
            job.done.set_exception(self._fault(error))
        else:
            job.done.set_result(result)
        return self._jobs.get()

    def _group(self, first: _Job) -> _Job | None:
        """Writes `first` and whatever else is waiting in one transaction; returns the next job, None to end."""
        try:
            retrying(lambda: self._conn.execute("BEGIN IMMEDIATE").close())
        except sqlite3.Error as error:
            first.done.set_exception(store_error(error, self._path))
            return self._jobs.get()
        started = time.monotonic()
        landed: list[tuple[_Job, Any]] = []
        following: _Job | None = None
        waiting = False  # whether `following` was taken from the queue and must be returned
        self._attempt(first, landed, savepoint=False)
        while self._conn.in_transaction and time.monotonic() - started < _GROUP_S:
            try:
                following = self._jobs.get_nowait()
            except queue.Empty:
                break
            if following is None or following.alone:
                waiting = True
                break
            self._attempt(following, landed, savepoint=True)
        self._commit(landed)
        if time.monotonic() - started > _YIELD_AFTER_S:
            time.sleep(_YIELD_S)
        return following if waiting else self._jobs.get()

    def _attempt(self, job: _Job, landed: list[tuple[_Job, Any]], savepoint: bool) -> None:
        """Runs one batch; on failure undoes it alone, or everything where SQLite has already rolled back."""
        try:
            if savepoint:
                self._conn.execute("SAVEPOINT batch")
            result = job.run(self._conn)
            if savepoint:
                self._conn.execute("RELEASE batch")
        except BaseException as error:  # noqa: BLE001 - the caller, waiting in another thread, raises it
            fault = self._undo(self._fault(error), savepoint)
            job.done.set_exception(fault)
            if not self._conn.in_transaction:
                for earlier, _ in landed:
                    earlier.done.set_exception(fault)
                landed.clear()
        else:
            landed.append((job, result))

    def _undo(self, fault: BaseException, savepoint: bool) -> BaseException:
        """Rolls back the failed batch; the fault to report is `fault` unless the rollback itself failed."""
        if not self._conn.in_transaction:
            return fault
        try:
            if savepoint:
                self._conn.execute("ROLLBACK TO batch")
                self._conn.execute("RELEASE batch")
            else:
                self._conn.execute("ROLLBACK")
        except sqlite3.Error as error:
            if self._conn.in_transaction:
                self._conn.rollback()
            return store_error(error, self._path)
        return fault

    def _commit(self, landed: list[tuple[_Job, Any]]) -> None:
        if not self._conn.in_transaction:
            return
        try:
            self._conn.execute("COMMIT")
        except sqlite3.Error as error:
            if self._conn.in_transaction:
                self._conn.rollback()
            for job, _ in landed:
                job.done.set_exception(store_error(error, self._path))
            return
        with self._committed:
            self._commits += 1
            self._committed.notify_all()
        for job, result in landed:
            job.done.set_result(result)

    def _fault(self, error: BaseException) -> BaseException:
        return store_error(error, self._path) if isinstance(error, sqlite3.Error) else error
