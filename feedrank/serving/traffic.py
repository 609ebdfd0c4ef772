"""Whether requests are being answered in this process, and waits for moments when none is.

Work that can wait takes such moments: it shares the interpreter's lock and the cores with the requests, and a thread of
lower priority would do worse, since one that is put aside while it holds the lock stops every request. Knows nothing of
what a request is.
"""

import threading
import time
from types import TracebackType

from feedrank.types import Pause

LULL_S = 0.003  # without a request, before the last one's reply can be taken to be on its way


class Traffic:
    """Requests enter and leave it as a context; other threads wait for a lull between them, or let them go first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way = 0
        self._ended = 0.0  # monotonic, of the last request

    def __enter__(self) -> None:
        """A request begins."""
        with self._changed:
            self._under_way += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """It ends."""
        with self._changed:
            self._under_way -= 1
            self._ended = time.monotonic()
            self._changed.notify_all()

    def courtesy(self, most_s: float) -> Pause:
        """For one piece of work: a pause that lasts as long as requests are under way, all its calls together up to
        `most_s`. Under a load without gaps the work gets done all the same, only that much later.
        """
        left_s = most_s

        def pause() -> None:
            nonlocal left_s
            if not self._under_way or left_s <= 0.0:
                return
            began = time.monotonic()
            with self._changed:
                self._changed.wait_for(lambda: not self._under_way, left_s)
            left_s -= time.monotonic() - began

        return pause

    def wait_for_lull(self, timeout_s: float) -> bool:
        """Waits until no request has been under way for LULL_S. False if there was no such moment in time."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                now = time.monotonic()
                quiet_for = now - self._ended if not self._under_way else 0.0
                if not self._under_way and quiet_for >= LULL_S:
                    return True
                if now >= deadline:
                    return False
                left = deadline - now
                self._changed.wait(left if self._under_way else min(left, LULL_S - quiet_for))
