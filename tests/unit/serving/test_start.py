"""A worker's start: the model is verified while the log is read, and what became champion meanwhile is in force."""

import time
from pathlib import Path

import pytest

from feedrank.features import NAMES, fingerprint_of
from feedrank.registry import Registry
from feedrank.serving.live import Live
from feedrank.serving.snapshots import Snapshots
from feedrank.serving.worker import Worker
from feedrank.settings import Settings


def test_a_champion_made_while_the_log_is_read_is_in_force(
    tmp_path: Path, register_model, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(models_dir=tmp_path / "models", encoder="none")
    reference = register_model(settings.models_dir, "m", NAMES[:5], "")
    registry = Registry(settings.models_dir, fingerprint_of)
    load_live = Snapshots.load_live

    def slowly(self: Snapshots) -> Live:
        time.sleep(0.3)  # the prior has long been loaded, there being no champion
        registry.set_alias(settings.champion, reference, "made meanwhile")
        return load_live(self)

    monkeypatch.setattr(Snapshots, "load_live", slowly)
    worker = Worker.open(tmp_path / "data", settings, "w")
    assert worker._publisher.view.model.version == reference
    worker.close(1.0)
    monkeypatch.undo()
    again = Worker.open(tmp_path / "data", settings, "w")
    assert again._publisher.view.model.version == reference
    again.close(1.0)
