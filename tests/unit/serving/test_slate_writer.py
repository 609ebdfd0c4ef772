"""Slates are made and written behind the reply, all of them, and one that fails harms no other."""

import threading

import pytest

from feedrank.errors import FeedRankError
from feedrank.serving import slate_writer
from feedrank.serving.slate_writer import SlateWriter
from feedrank.store import StoredSlate


class _Store:
    """Keeps what is written; holds back, or fails, when told to."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.open = threading.Event()
        self.open.set()
        self.failing = False

    def append_slates(self, slates: list[StoredSlate]) -> int:
        assert self.open.wait(10)
        if self.failing:
            raise FeedRankError("the disk is full")
        self.kept.extend(slate.request_id for slate in slates)
        return len(slates)


def slate(request_id: str) -> StoredSlate:
    return StoredSlate(request_id, "u", 1, b"")


def test_all_slates_are_made_on_another_thread_and_written_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slate_writer, "BATCH", 3)
    store, threads = _Store(), set()

    def make(k: int) -> StoredSlate:
        threads.add(threading.current_thread().name)
        return slate(f"r{k}")

    writer = SlateWriter(store)  # type: ignore[arg-type]
    for k in range(10):
        writer.put(lambda k=k: make(k))  # type: ignore[misc]
    writer.close(10)
    assert store.kept == [f"r{k}" for k in range(10)] and threads == {"slates"} and writer.dropped == 0


def test_a_slate_that_cannot_be_made_is_told_and_the_others_are_written(caplog: pytest.LogCaptureFixture) -> None:
    store = _Store()
    writer = SlateWriter(store)  # type: ignore[arg-type]
    writer.put(lambda: slate("before"))
    writer.put(lambda: slate(str(1 // 0)))
    writer.put(lambda: slate("after"))
    writer.close(10)
    assert store.kept == ["before", "after"] and "could not be made" in caplog.text


def test_a_full_queue_drops_and_counts_and_never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slate_writer, "BACKLOG", 2)
    monkeypatch.setattr(slate_writer, "BATCH", 1)
    store = _Store()
    store.open.clear()
    writer = SlateWriter(store)  # type: ignore[arg-type]
    for k in range(10):
        writer.put(lambda k=k: slate(f"r{k}"))  # type: ignore[misc]
    assert writer.dropped >= 7
    store.open.set()
    writer.close(10)
    assert store.kept == sorted(store.kept) and len(store.kept) + writer.dropped == 10


def test_a_store_that_fails_loses_its_batch_and_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    store = _Store()
    store.failing = True
    writer = SlateWriter(store)  # type: ignore[arg-type]
    writer.put(lambda: slate("lost"))
    writer.close(10)
    assert store.kept == [] and "are lost" in caplog.text
