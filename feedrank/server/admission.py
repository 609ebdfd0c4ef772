"""Which Rank calls are begun, and which are told at once to come back later.

Ranking is processor work, so a worker runs few calls at a time and the others wait. Beyond a wait that nobody's feed is
worth, a call is refused before it queues; while calls wait, feeds are made of fewer candidates, so that the queue goes
down before anyone is refused; and a call whose deadline has come too close is not begun. Knows nothing of how calls are
ranked or answered.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from feedrank.errors import Overloaded

# Rank calls at a time in a worker. Two that share an interpreter both take twice as long, and with a worker a core no
# core is left for what one of them computes in native code.
RANK_THREADS = 1
SHED_AFTER_S = 0.1  # expected wait beyond which a call is refused
HURRY_AFTER_S = 0.03  # expected wait from which feeds are made of fewer candidates
FIRST_GUESS_S = 0.01  # time a call takes, before any was measured
SMOOTHING = 0.05  # weight of the newest call in the mean


class _Own(threading.local):
    """What a thread knows of the call it runs."""

    arrived_s: float | None = None


class RankPool(ThreadPoolExecutor):
    """The threads that rank, and how many calls are with them: running or waiting."""

    def __init__(self, threads: int = RANK_THREADS) -> None:
        super().__init__(threads, thread_name_prefix="rank")
        self.threads = threads
        self._count = threading.Lock()
        self._own = _Own()
        self.calls = 0

    @property
    def arrived_s(self) -> float | None:
        """When the call that the asking thread runs came to the pool, by time.perf_counter; None on other threads."""
        return self._own.arrived_s

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Queues a call, and counts it until it is done, however it ends."""
        with self._count:
            self.calls += 1
        try:
            future = super().submit(self._begin, time.perf_counter(), fn, *args, **kwargs)
        except BaseException:
            self._done(None)
            raise
        future.add_done_callback(self._done)
        return future

    def _begin(self, arrived_s: float, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        self._own.arrived_s = arrived_s
        return fn(*args, **kwargs)

    def _done(self, _: "Future[Any] | None") -> None:
        with self._count:
            self.calls -= 1


class Admission:
    """Decides by how many calls are with the pool and how long calls have taken lately. Thread-safe."""

    def __init__(self, pool: RankPool, clock: Callable[[], float] = time.perf_counter) -> None:
        self.pool = pool
        self.refusals = ThreadPoolExecutor(
            1, thread_name_prefix="refuse"
        )  # else they would wait behind what they refuse
        self._clock = clock
        self._takes_s = FIRST_GUESS_S  # a race between two writers loses one measurement

    def close(self) -> None:
        """Lets the threads go once they have nothing left."""
        for pool in (self.pool, self.refusals):
            pool.shutdown(wait=False, cancel_futures=True)

    @property
    def wait_s(self) -> float:
        """How long a call that arrives now would wait for a thread, in seconds."""
        return max(0, self.pool.calls + 1 - self.pool.threads) * self._takes_s / self.pool.threads

    def admits(self) -> bool:
        """Whether a call that arrives now is worth queuing."""
        return self.wait_s <= SHED_AFTER_S

    def refusal(self) -> Overloaded:
        """What a call is told that is not admitted."""
        return Overloaded(
            f"overloaded: {self.pool.calls} calls wait, about {self.wait_s * 1e3:.0f} ms; try again in a moment, "
            "or add workers"
        )

    @contextmanager
    def turn(self, left_s: float | None) -> Iterator[bool]:
        """The turn of an admitted call with `left_s` until its deadline; yields whether to hurry.

        Overloaded if it could no longer be answered in time.
        """
        waiting = max(0, self.pool.calls - self.pool.threads)
        # While nobody waits every call is tried: the mean would never fall again if slow calls kept others out.
        if waiting and left_s is not None and left_s < self._takes_s:
            left, takes = left_s * 1e3, self._takes_s * 1e3
            raise Overloaded(f"overloaded: {left:.0f} ms are left of the deadline, and a feed takes {takes:.0f} ms")
        began = self._clock()
        yield waiting * self._takes_s / self.pool.threads > HURRY_AFTER_S
        self._takes_s += SMOOTHING * (self._clock() - began - self._takes_s)
