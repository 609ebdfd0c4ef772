"""A store that holds the small news world, and what training reads out of it."""

from collections.abc import Iterator

import pytest

from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.training.period import Period, read_period
from tests.news_stream import news_stream


@pytest.fixture(scope="session")
def news_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    """The imported stream. Read-only for its users."""
    data_dir = tmp_path_factory.mktemp("news")
    news_stream().write(data_dir)
    store = SqliteStore.open(data_dir, Settings())
    yield store
    store.close()


@pytest.fixture(scope="session")
def everything(news_store: SqliteStore) -> Period:
    """All its impressions."""
    return read_period(news_store)
