"""A duty that one process at a time does: held by a lease in the store, renewed and reported by a thread of its own.

Knows nothing of what the duty is.
"""

import logging
import os
import secrets
import threading
import time
from types import TracebackType
from typing import Self

from feedrank.errors import FeedRankError
from feedrank.store import LogStore, WorkerStatus
from feedrank.types import SECOND, Micros

log = logging.getLogger(__name__)

RENEW_S = 1.0
TTL_S = 10.0  # a holder that was killed is replaced after this long


def wall_clock() -> Micros:
    """Now, in UTC microseconds."""
    return time.time_ns() // 1_000


class Duty:
    """The lease `name`, held while the `with` block runs. `details` are what the heartbeat tells; set them whole."""

    def __init__(self, store: LogStore, name: str) -> None:
        self._store = store
        self._name = name
        self._holder = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"duty-{name}", daemon=True)
        self.lost = threading.Event()  # another may hold the lease: stop working
        self.position = 0  # log offset reached
        self.details: dict[str, str] = {}

    def take(self) -> bool:
        """Takes or renews the lease; False if another holds it."""
        return self._store.acquire_lease(self._name, self._holder, wall_clock(), int(TTL_S * SECOND))

    def tell(self) -> None:
        """Writes the heartbeat now."""
        status = WorkerStatus(self._name, os.getpid(), self.position, "", wall_clock(), self.details)
        self._store.heartbeat(status)

    def __enter__(self) -> Self:
        self.tell()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if not self.lost.is_set():
            try:
                self.tell()
                self._store.release_lease(self._name, self._holder)
            except FeedRankError:
                log.exception("the lease could not be released; it runs out by itself", extra={"lease": self._name})

    def _keep(self) -> None:
        renewed = time.monotonic()
        while not self._ended.wait(RENEW_S):
            try:
                if not self.take():
                    log.warning("the lease was taken by another process", extra={"lease": self._name})
                    self.lost.set()
                    return
                renewed = time.monotonic()
                self.tell()
            except FeedRankError:
                log.exception("the lease could not be renewed; trying again", extra={"lease": self._name})
                if time.monotonic() - renewed > TTL_S:
                    self.lost.set()
                    return
