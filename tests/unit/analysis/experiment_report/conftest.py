"""Experiments in a real store, closed after each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.experiment_shop import Shop, opened_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """An empty store with a catalogue."""
    made = opened_shop(tmp_path / "data")
    yield made
    made.store.close()
