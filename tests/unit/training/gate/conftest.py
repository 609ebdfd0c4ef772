"""A log with enough readers to prove something, and a registry with a good ranker and a poor one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.training.dataset import Dataset, View, build
from feedrank.training.period import read_period
from tests.news_stream import news_stream
from tests.rankers import CUT, GOOD, POOR, publish


@pytest.fixture(scope="session")
def gate_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    """The imported stream of 160 users. Read-only for its users."""
    data_dir = tmp_path_factory.mktemp("gate")
    news_stream(users=160).write(data_dir)
    store = SqliteStore.open(data_dir, Settings())
    yield store
    store.close()


@pytest.fixture(scope="session")
def early_rows(gate_store: SqliteStore) -> Dataset:
    """What is trained on: the impressions before CUT."""
    early = read_period(gate_store, until=CUT, blind=True)
    return build(early.facts, early.examples, View(), (*GOOD, *POOR))


@pytest.fixture(scope="session")
def two_models(early_rows: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry of the models good and poor, both trained on what came before CUT. Read-only for its users."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        spare_children(patch)
        for name, features in (("good", GOOD), ("poor", POOR)):
            publish(folder, name, early_rows, features)
    return folder


@pytest.fixture
def unverified(monkeypatch: pytest.MonkeyPatch) -> None:
    spare_children(monkeypatch)


def spare_children(patch: pytest.MonkeyPatch) -> None:
    """Keeps and loads versions without a child process, two seconds each: tests/unit/registry is about that."""
    patch.setattr("feedrank.registry.registry.verify_in_child", lambda folder, features: None)
