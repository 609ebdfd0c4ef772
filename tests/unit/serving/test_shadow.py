"""Shadows: a challenger meets the rows it would be served with, replies know nothing of it, the late is dropped."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from feedrank.features import NAMES, compute
from feedrank.pipeline.feed import Feed, RankCall
from feedrank.serving import shadow
from feedrank.serving.worker import Worker
from feedrank.settings import Settings
from feedrank.types import Item, ItemId


def wait_for(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.02)


@pytest.fixture
def open_worker(tmp_path: Path):
    """`open_worker(experiments)`: a worker on 30 items, with this experiments.toml in force."""
    opened: list[Worker] = []

    def open_worker(experiments: str) -> Worker:
        data_dir = tmp_path / "data"
        data_dir.mkdir(exist_ok=True)
        (data_dir / "experiments.toml").write_text(experiments)
        settings = Settings(models_dir=tmp_path / "models", encoder="none", refresh_s=0.1)
        worker = Worker.open(data_dir, settings, "w")
        opened.append(worker)
        now = time.time_ns() // 1_000
        items = [Item(ItemId(f"i{k}"), title="t" * k, published_at=now - k * 10**9) for k in range(30)]
        worker.store.append_items(items, now)
        wait_for(lambda: len(worker.rank(RankCall(limit=30, dry_run=True)).items) == 30)
        return worker

    yield open_worker
    for worker in opened:
        worker.close(1.0)


def shadowed(model: str = "prior", percent: float = 100) -> str:
    return f'[[shadow]]\nname="next"\nmodel="{model}"\npercent={percent}\n'


def test_the_model_in_force_agrees_with_itself(open_worker):
    worker = open_worker(shadowed())
    for k in range(6):
        worker.rank(RankCall(request_id=f"r{k}", limit=5))
    wait_for(lambda: worker.status().shadows[0].compared == 6)
    (report,) = worker.status().shadows
    assert (report.name, report.model, report.dropped) == ("next", "prior", 0)
    assert (report.overlap_at_10, report.kendall_tau, report.score_drift) == (1.0, pytest.approx(1.0), 0.0)
    assert report.milliseconds > 0


def test_requests_are_sampled_by_their_id(open_worker):
    worker = open_worker(shadowed(percent=20))
    for k in range(60):
        worker.rank(RankCall(request_id=f"r{k}", limit=5))
        time.sleep(0.002)
    time.sleep(0.2)
    (report,) = worker.status().shadows
    assert 3 <= report.compared + report.dropped <= 25


def test_a_challenger_reads_other_features_from_the_same_columns(open_worker, register_model, tmp_path, monkeypatch):
    reference = register_model(tmp_path / "models", "m", NAMES[::-2], "")
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    rows = shadow._rows

    def noted(outcome, known, wanted):
        found = rows(outcome, known, wanted)
        seen.append((found, compute(outcome.raw, tuple(wanted))))
        return found

    monkeypatch.setattr(shadow, "_rows", noted)
    worker = open_worker(shadowed(reference))
    worker.rank(RankCall(limit=5))
    wait_for(lambda: worker.status().shadows[0].compared == 1)
    np.testing.assert_array_equal(seen[0][0], seen[0][1])
    assert seen[0][0].shape == (30, len(NAMES[::-2]))


def test_another_vector_space_is_not_compared_and_told(open_worker, register_model, tmp_path):
    reference = register_model(tmp_path / "models", "m", NAMES[:5], "elsewhere")
    worker = open_worker(shadowed(reference))
    worker.rank(RankCall(limit=5))
    wait_for(lambda: any("'elsewhere'" in reason for reason in worker.status().degraded_reasons))
    assert worker.status().shadows[0].compared == 0


def test_who_is_behind_drops_and_no_reply_waits_or_changes(open_worker, monkeypatch):
    gate = threading.Event()
    compared = shadow._compared

    def slowly(job, steps):
        gate.wait(30)
        return compared(job, steps)

    monkeypatch.setattr(shadow, "_compared", slowly)
    worker = open_worker(shadowed())

    def essence(feed: Feed) -> list[str]:
        return [item.item_id for item in feed.items]

    plain = essence(worker.rank(RankCall(request_id="same", limit=10, dry_run=True)))
    assert essence(worker.rank(RankCall(request_id="same", limit=10))) == plain
    for k in range(shadow.BACKLOG + 5):
        worker.rank(RankCall(request_id=f"r{k}", limit=10))
    (report,) = worker.status().shadows
    assert report.compared == 0 and report.dropped >= 5
    assert np.isnan(report.overlap_at_10)
    gate.set()
    wait_for(lambda: worker.status().shadows[0].compared == shadow.BACKLOG + 1)


def test_every_step_waits_for_a_lull_and_is_small(open_worker, monkeypatch):
    """Parts of ten rows score 30 alike: what a step may take does not change what is found."""
    monkeypatch.setattr(shadow, "ROWS_A_STEP", 10)
    worker = open_worker(shadowed())
    waited = []
    wait = worker._shadows.traffic.wait_for_lull

    def noted(timeout_s):
        waited.append(timeout_s)
        return wait(timeout_s)

    monkeypatch.setattr(worker._shadows.traffic, "wait_for_lull", noted)
    worker.rank(RankCall(limit=5))
    wait_for(lambda: worker.status().shadows[0].compared == 1)
    assert waited == [shadow.PATIENCE_S] * 5  # rows, three parts, agreement
    assert worker.status().shadows[0].overlap_at_10 == 1.0


def test_no_challenger_works_while_a_request_is_answered(open_worker, monkeypatch):
    monkeypatch.setattr(shadow, "PATIENCE_S", 0.05)
    touched = []
    rows = shadow._rows

    def noted(*args):
        touched.append(args)
        return rows(*args)

    monkeypatch.setattr(shadow, "_rows", noted)
    worker = open_worker(shadowed())
    with worker._shadows.traffic:  # a request that takes long
        worker.rank(RankCall(limit=5))
        wait_for(lambda: worker.status().shadows[0].dropped == 1)
        assert not touched and worker.status().shadows[0].compared == 0
    worker.rank(RankCall(limit=5))
    wait_for(lambda: worker.status().shadows[0].compared == 1)
    assert len(touched) == 1


def test_a_challenger_that_fails_is_told_and_serving_goes_on(open_worker, monkeypatch):
    def fails(job, steps):
        raise ValueError("a bad challenger")

    monkeypatch.setattr(shadow, "_compared", fails)
    worker = open_worker(shadowed())
    assert not worker.rank(RankCall(limit=5)).degraded
    wait_for(lambda: any("fails to score" in reason for reason in worker.status().degraded_reasons))
