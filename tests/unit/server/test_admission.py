"""Admission: who waits, who hurries, who is told to come back, and that no way of ending a call is forgotten."""

import threading
import time
from concurrent.futures import CancelledError

import pytest

from feedrank.errors import NotFound, Overloaded
from feedrank.server.admission import FIRST_GUESS_S, HURRY_AFTER_S, SHED_AFTER_S, SMOOTHING, Admission, RankPool


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def waiting(pool: RankPool, calls: int) -> None:
    """As if that many calls waited behind busy threads."""
    pool.calls = pool.threads + calls


def test_calls_are_counted_until_they_are_done_however_they_end() -> None:
    pool = RankPool(1)
    gate = threading.Event()
    running = pool.submit(gate.wait)
    fails = pool.submit(lambda: 1 / 0)
    dropped = pool.submit(lambda: None)
    assert pool.calls == 3
    assert dropped.cancel()
    assert pool.calls == 2
    gate.set()
    assert running.result(5)
    with pytest.raises(ZeroDivisionError):
        fails.result(5)
    with pytest.raises(CancelledError):
        dropped.result(5)
    deadline = time.monotonic() + 5
    while pool.calls and time.monotonic() < deadline:  # a callback may run a moment after its result is there
        time.sleep(0.001)
    assert pool.calls == 0
    pool.shutdown()
    with pytest.raises(RuntimeError):
        pool.submit(lambda: None)
    assert pool.calls == 0


def test_a_call_knows_since_when_it_has_been_here() -> None:
    """Its wait for a thread counts, and the next call of the thread has its own."""
    pool = RankPool(1)
    gate = threading.Event()
    pool.submit(gate.wait)
    before = time.perf_counter()
    waits = pool.submit(lambda: (pool.arrived_s, time.perf_counter()))
    after = time.perf_counter()
    gate.set()
    arrived_s, began_s = waits.result(5)
    assert arrived_s is not None and before <= arrived_s <= after <= began_s
    assert pool.submit(lambda: pool.arrived_s).result(5) > began_s
    assert pool.arrived_s is None  # this thread is none of the pool's
    pool.shutdown()


def test_calls_are_admitted_until_the_wait_is_not_worth_it() -> None:
    pool = RankPool(2)
    admission = Admission(pool, Clock())
    assert admission.admits() and admission.wait_s == 0.0
    most = int(SHED_AFTER_S * pool.threads / FIRST_GUESS_S)
    waiting(pool, most - 1)
    assert admission.admits()
    waiting(pool, most + 1)
    assert not admission.admits()
    assert f"{pool.calls} calls wait" in str(admission.refusal())
    pool.calls = 0
    pool.shutdown()


def test_a_call_hurries_while_others_wait() -> None:
    pool = RankPool(2)
    admission = Admission(pool, Clock())
    enough = int(HURRY_AFTER_S * pool.threads / FIRST_GUESS_S)
    for calls, expected in ((0, False), (enough - 1, False), (enough + 1, True)):
        waiting(pool, calls)
        with admission.turn(None) as hurried:
            assert hurried is expected
    pool.calls = 0
    pool.shutdown()


def test_a_deadline_too_close_is_refused_only_while_others_wait() -> None:
    pool, clock = RankPool(2), Clock()
    admission = Admission(pool, clock)
    waiting(pool, 1)
    with pytest.raises(Overloaded, match="5 ms are left of the deadline"), admission.turn(0.005):
        pass
    with admission.turn(1.0):
        pass
    waiting(pool, 0)
    with admission.turn(0.005):  # else a mean that is too high would never be corrected
        clock.now += 1.0
    assert admission.wait_s > FIRST_GUESS_S / pool.threads
    pool.calls = 0
    pool.shutdown()


def test_the_mean_follows_how_long_calls_take() -> None:
    pool, clock = RankPool(1), Clock()
    admission = Admission(pool, clock)
    for _ in range(200):
        with admission.turn(None):
            clock.now += 0.05
    waiting(pool, 0)
    assert admission.wait_s == pytest.approx(0.05, rel=0.02)

    def fails() -> None:
        with admission.turn(None):
            clock.now += 100.0  # says nothing of how long a call takes
            raise NotFound("nothing")

    with pytest.raises(NotFound):
        fails()
    assert admission.wait_s == pytest.approx(0.05, rel=0.02)
    with admission.turn(None):
        clock.now += 0.25
    assert admission.wait_s == pytest.approx(0.05 + SMOOTHING * 0.2, rel=0.02)
    pool.calls = 0
    pool.shutdown()
