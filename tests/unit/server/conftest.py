"""A made-up service over a real store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from tests.unit.server.fakes import FakeService


@pytest.fixture
def service(tmp_path: Path) -> Iterator[FakeService]:
    store = SqliteStore.open(tmp_path / "data", Settings())
    yield FakeService(store)
    store.close()
