"""Item state after an erasure: the share survives no restart, and a rebuild loses nothing that happens meanwhile."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from feedrank.features import NAMES
from feedrank.serving import snapshots
from feedrank.serving.worker import Worker
from feedrank.settings import Settings
from feedrank.state import Count
from feedrank.types import Action, Event, Item, ItemId, UserId


def now() -> int:
    return time.time_ns() // 1_000


def reads(worker: Worker) -> float:
    """Decayed reads of item i0 in the worker's present state, at the longest half-life."""
    live = worker._publisher.view.live
    row = np.array([live.state.catalog.row_of["i0"]], np.int32)
    with live.lock:
        return float(live.state.items.read(row, now())[0, Count.READS, -1])


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.02)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(models_dir=tmp_path / "models", encoder="none", rebuild_after_erasure_h=1e-6, refresh_s=0.1)


def filled(data_dir: Path, settings: Settings) -> Worker:
    """A worker on a log of two users' clicks on one item."""
    worker = Worker.open(data_dir, settings, "w")
    worker.store.append_items([Item(ItemId("i0"), title="t")], now())
    for user, clicks in (("stays", 3), ("goes", 40)):
        events = [Event(f"{user}-{k}", UserId(user), now(), Action.CLICK, "i0") for k in range(clicks)]
        worker.store.append_events(events, now())
    wait_for(lambda: reads(worker) == pytest.approx(43, rel=1e-3))
    return worker


def test_a_rebuild_forgets_the_share_here_and_after_a_restart(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "WORTH_WRITING", 1)
    worker = filled(tmp_path / "data", settings)
    worker.store.erase_user(UserId("goes"), now())
    wait_for(lambda: reads(worker) == pytest.approx(3, rel=1e-3))
    worker.close(1.0)
    again = Worker.open(tmp_path / "data", settings, "w")
    assert reads(again) == pytest.approx(3, rel=1e-3)
    again.close(1.0)


def test_stopping_before_the_rebuild_leaves_it_due(tmp_path: Path, settings: Settings) -> None:
    slow = settings.model_copy(update={"rebuild_after_erasure_h": 20.0})
    worker = filled(tmp_path / "data", slow)
    worker.close(1.0)  # writes a snapshot that holds the share
    worker = Worker.open(tmp_path / "data", slow, "w")
    worker.store.erase_user(UserId("goes"), now())
    wait_for(lambda: worker._publisher.view.live.position == worker.store.position())
    worker.close(1.0)
    again = Worker.open(tmp_path / "data", settings, "w")
    wait_for(lambda: reads(again) == pytest.approx(3, rel=1e-3))
    again.close(1.0)


def test_an_activation_during_a_rebuild_is_heeded(
    tmp_path: Path, settings: Settings, register_model, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = register_model(settings.models_dir, "m", NAMES[:5], "")
    worker = filled(tmp_path / "data", settings)
    publisher = worker._publisher
    make_lists = publisher._make_lists

    def slowly() -> None:  # between what the old state folded and what the new one will
        if publisher._erased_at is not None and not activated:
            activated.append(worker._registry.resolve("m"))
            from feedrank.records import Kind
            from feedrank.v1 import log_pb2

            name, _, version = reference.partition("@")
            record = log_pb2.ModelActivated(name=name, version=version)
            worker.store.append_control(Kind.MODEL_ACTIVATED, record.SerializeToString(), now())
        make_lists()

    activated: list[str] = []
    monkeypatch.setattr(publisher, "_make_lists", slowly)
    worker.store.erase_user(UserId("goes"), now())
    wait_for(lambda: publisher.view.model.version == reference)
    assert activated == [reference]
    worker.close(1.0)
