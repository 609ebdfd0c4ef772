"""Makes and writes slates behind the reply, in batches. A crash may lose the last fraction of a second of slates, never
an acknowledged write.

Knows nothing of what a slate says.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Protocol

from feedrank.errors import FeedRankError
from feedrank.store import LogStore, StoredSlate

log = logging.getLogger(__name__)

BATCH = 200
WAIT_S = 0.2  # the fraction of a second a crash may lose
BACKLOG = 20_000  # slates held while the disk is slow; beyond it new ones are dropped and counted


Make = Callable[[], StoredSlate]  # makes a slate of what it holds; nothing larger than the slate, since many may wait


class Slates(Protocol):
    """Takes slates behind the reply."""

    def put(self, make: Make) -> None:
        """Takes a slate yet to be made, without making its caller wait."""
        ...


class SlateWriter:
    """A queue and the one thread that drains it."""

    def __init__(self, store: LogStore) -> None:
        self._store = store
        self._queue: queue.Queue[Make | None] = queue.Queue(BACKLOG)
        self.dropped = 0
        self._thread = threading.Thread(target=self._drain, name="slates", daemon=True)
        self._thread.start()

    def put(self, make: Make) -> None:
        """Queues a slate. Never blocks: a full queue drops it, counts it and says so."""
        try:
            self._queue.put_nowait(make)
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
        ended = False
        while not ended:
            batch, ended = self._batch()
            self._write(batch)

    def _batch(self) -> tuple[list[StoredSlate], bool]:
        """Up to BATCH slates, each made as it comes, and whether it was the last batch."""
        make, batch = self._queue.get(), list[StoredSlate]()
        while make is not None:
            batch.extend(_made(make))
            if len(batch) >= BATCH:
                return batch, False
            try:
                make = self._queue.get(timeout=WAIT_S)
            except queue.Empty:
                return batch, False
        return batch, True

    def _write(self, slates: list[StoredSlate]) -> None:
        if not slates:
            return
        try:
            self._store.append_slates(slates)
        except FeedRankError:
            log.exception("slates could not be written and are lost", extra={"slates": len(slates)})


def _made(make: Make) -> list[StoredSlate]:
    """The slate, or none where making it fails: the others are none the worse."""
    try:
        return [make()]
    except Exception:
        log.exception("a slate could not be made; the reply stands")
        return []
