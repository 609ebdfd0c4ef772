"""A slate says how long its feed took: from the call's arrival, or from when ranking began where nobody says more."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from feedrank.pipeline.feed import RankCall
from feedrank.serving.worker import Worker
from feedrank.settings import Settings
from feedrank.types import Item, ItemId
from feedrank.v1 import log_pb2 as log


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """A worker with a few items in its view."""
    opened = Worker.open(tmp_path / "data", Settings(models_dir=tmp_path / "models", encoder="none"), "w")
    now = time.time_ns() // 1_000
    opened.store.append_items([Item(ItemId(f"i{k}"), title="t", published_at=now) for k in range(9)], now)
    deadline = time.monotonic() + 60
    while not opened.rank(RankCall(dry_run=True)).items:
        assert time.monotonic() < deadline, "the items did not come into view"
        time.sleep(0.01)
    yield opened
    opened.close(1.0)


def took_us(worker: Worker, request_id: str) -> int:
    """What the slate of a request says, once it is written."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for stored in worker.store.slates(0, 2**62):
            if stored.request_id == request_id:
                return log.Slate.FromString(stored.body).rank_us
        time.sleep(0.02)
    raise AssertionError(f"no slate of {request_id!r} was written")


def test_a_slate_says_how_long_its_feed_took(worker: Worker) -> None:
    began = time.perf_counter()
    worker.rank(RankCall(request_id="now"))
    whole = time.perf_counter() - began
    assert 0 < took_us(worker, "now") <= whole * 1e6


def test_the_wait_before_ranking_began_counts(worker: Worker) -> None:
    arrived = time.perf_counter() - 7.0
    worker.rank(RankCall(request_id="waited", arrived_s=arrived))
    whole = time.perf_counter() - arrived
    assert 7_000_000 <= took_us(worker, "waited") <= whole * 1e6


def test_a_time_beyond_what_the_field_holds_loses_no_slate(worker: Worker) -> None:
    worker.rank(RankCall(request_id="late", arrived_s=time.perf_counter() - 5_000.0))
    assert took_us(worker, "late") == 2**32 - 1
