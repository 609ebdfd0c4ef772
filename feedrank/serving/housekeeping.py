"""Once a day, by one process of all: removes what is past its retention, and rewrites the file after erasures.

Off the request path and off the thread that follows the log, since rewriting a large file takes seconds. Knows nothing
of what is removed.
"""

import logging
import threading
import uuid
from collections.abc import Callable

from feedrank.errors import FeedRankError
from feedrank.store import LogStore
from feedrank.types import HOUR, MINUTE, SECOND, Micros

log = logging.getLogger(__name__)

LEASE = "housekeeping"
PRUNED_AT = "pruned_at"  # setting: when the data directory was last pruned
EVERY: Micros = 20 * HOUR  # so that what an erasure promises within a day holds even after a restart
LOOK_S = 60.0
LONGEST: Micros = 30 * MINUTE  # a prune that takes longer may be joined by another process's, which does no harm


class Housekeeper:
    """A thread that prunes when it is due and nobody else does."""

    def __init__(self, store: LogStore, clock: Callable[[], Micros]) -> None:
        self._store, self._clock = store, clock
        self._holder = uuid.uuid4().hex
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begins to look, once a minute."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Ends the thread; waits for a prune under way, but no longer than `timeout_s`."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def prune_if_due(self) -> bool:
        """Prunes unless that was done lately or is being done; True if it did."""
        now = self._clock()
        if now - int(self._store.get_setting(PRUNED_AT) or 0) < EVERY:
            return False
        if not self._store.acquire_lease(LEASE, self._holder, now, LONGEST):
            return False
        try:
            removed = self._store.prune(now)
            self._store.set_setting(PRUNED_AT, str(now))
        finally:
            self._store.release_lease(LEASE, self._holder)
        log.info("pruned", extra={"records": removed, "seconds": (self._clock() - now) / SECOND})
        return True

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                self.prune_if_due()
            except FeedRankError:
                log.exception("pruning failed; trying again")
