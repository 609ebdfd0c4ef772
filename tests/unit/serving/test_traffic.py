"""Traffic: no lull while a request is under way or has just ended, one as soon as all have."""

import threading
import time

import pytest

from feedrank.serving import traffic
from feedrank.serving.traffic import Traffic


def test_there_is_a_lull_where_nobody_asks() -> None:
    assert Traffic().wait_for_lull(0.0)


def test_there_is_none_while_requests_overlap() -> None:
    busy = Traffic()
    with busy:
        with busy:
            assert not busy.wait_for_lull(0.01)
        assert not busy.wait_for_lull(0.01)
    assert busy.wait_for_lull(10.0)


def test_a_request_that_fails_has_ended_too() -> None:
    busy = Traffic()
    with pytest.raises(ValueError, match="no feed"), busy:
        raise ValueError("no feed")
    assert busy.wait_for_lull(10.0)


def test_a_reply_just_made_is_still_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "LULL_S", 3_600.0)
    busy = Traffic()
    with busy:
        pass
    assert not busy.wait_for_lull(0.01)


def test_who_waits_is_told_when_the_last_request_ends() -> None:
    busy, found = Traffic(), []
    busy.__enter__()
    waiting = threading.Thread(target=lambda: found.append(busy.wait_for_lull(60.0)))
    waiting.start()
    assert not found
    busy.__exit__(None, None, None)
    waiting.join(30.0)
    assert found == [True]


def test_work_lets_requests_go_first_and_goes_on_once_they_are_over() -> None:
    busy = Traffic()
    worker = threading.Thread(target=busy.courtesy(60.0))
    with busy:
        worker.start()
        worker.join(0.05)
        assert worker.is_alive()
    worker.join(60.0)
    assert not worker.is_alive()


def test_work_under_an_unending_load_is_done_that_much_later() -> None:
    busy = Traffic()
    pause = busy.courtesy(0.05)
    with busy:
        began = time.monotonic()
        for _ in range(1_000):
            pause()
        assert time.monotonic() - began >= 0.05  # and it ended, though the request has not
