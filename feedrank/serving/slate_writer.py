"""Writes slates behind the reply, in batches. A crash may lose the last fraction of a second of slates, never an
acknowledged write.

Knows nothing of what a slate says.
"""

import logging
import queue
import threading
import time
from typing import Protocol

from feedrank.errors import FeedRankError
from feedrank.store import LogStore, StoredSlate

log = logging.getLogger(__name__)

BATCH = 200
WAIT_S = 0.2  # the fraction of a second a crash may lose
BACKLOG = 20_000  # slates held while the disk is slow; beyond it new ones are dropped and counted


class Slates(Protocol):
    """Takes slates behind the reply."""

    def put(self, slate: StoredSlate) -> None:
        """Takes a slate without making its caller wait."""
        ...


class SlateWriter:
    """A queue and the one thread that drains it."""

    def __init__(self, store: LogStore) -> None:
        self._store = store
        self._queue: queue.Queue[StoredSlate | None] = queue.Queue(BACKLOG)
        self.dropped = 0
        self._thread = threading.Thread(target=self._drain, name="slates", daemon=True)
        self._thread.start()

    def put(self, slate: StoredSlate) -> None:
        """Queues a slate. Never blocks: a full queue drops it, counts it and says so."""
        try:
            self._queue.put_nowait(slate)
        except queue.Full:
            self.dropped += 1
            if self.dropped & (self.dropped - 1) == 0:  # at 1, 2, 4, 8 ...: loud, not flooding
                log.error("slates are dropped: the store is slower than the feed", extra={"dropped": self.dropped})

    def close(self, timeout_s: float) -> None:
        """Writes what is queued and stops."""
        deadline = time.monotonic() + timeout_s
        try:
            self._queue.put(None, timeout=timeout_s)
        except queue.Full:
            log.error("slates are lost: the store did not take them in time", extra={"slates": self._queue.qsize()})
            return
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def _drain(self) -> None:
        while True:
            first = self._queue.get()
            batch = [first]
            while len(batch) < BATCH and batch[-1] is not None:
                try:
                    batch.append(self._queue.get(timeout=WAIT_S))
                except queue.Empty:
                    break
            self._write([slate for slate in batch if slate is not None])
            if batch[-1] is None:
                return

    def _write(self, slates: list[StoredSlate]) -> None:
        if not slates:
            return
        try:
            self._store.append_slates(slates)
        except FeedRankError:
            log.exception("slates could not be written and are lost", extra={"slates": len(slates)})
