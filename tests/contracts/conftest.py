"""What the contract tests of stores share: every store there is, each on a directory of its own.

A new implementation joins by adding itself to STORES.
"""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from feedrank.settings import Settings
from feedrank.store import LogStore
from feedrank.store.sqlite import SqliteStore

STORES: dict[str, Callable[[Path, Settings], LogStore]] = {"sqlite": SqliteStore.open}


@pytest.fixture(params=list(STORES.values()), ids=list(STORES))
def opener(request: pytest.FixtureRequest) -> Callable[[Path, Settings], LogStore]:
    """Opens a store of each implementation in turn on a directory."""
    chosen: Callable[[Path, Settings], LogStore] = request.param
    return chosen


@pytest.fixture
def open_store(opener: Callable[[Path, Settings], LogStore], tmp_path: Path) -> Callable[..., LogStore]:
    """`open_store(settings)` opens one and the same data directory, each time anew."""

    def open_store(settings: Settings | None = None) -> LogStore:
        return opener(tmp_path / "data", settings or Settings())

    return open_store


@pytest.fixture
def open_empty(opener: Callable[[Path, Settings], LogStore], tmp_path: Path) -> Callable[[], LogStore]:
    """`open_empty()` opens another, empty data directory each time."""
    numbers = itertools.count()
    return lambda: opener(tmp_path / f"data{next(numbers)}", Settings())


@pytest.fixture
def store(open_store: Callable[..., LogStore]) -> Iterator[LogStore]:
    """An open store on an empty data directory."""
    opened = open_store()
    yield opened
    opened.close()
