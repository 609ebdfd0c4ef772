"""A small store to play back, and the clicks to judge by."""

import itertools
from collections.abc import Callable, Sequence

import pytest

from feedrank.records import Fact
from feedrank.store.sqlite import SqliteStore
from feedrank.training.facts import read_facts
from feedrank.training.retrieval.moments import Moment
from feedrank.training.retrieval.stream import Conditions, Found, retrieve_all
from feedrank.types import HOUR, Micros
from tests.news_stream import T0

START: Micros = T0 + 48 * HOUR
UNTIL: Micros = T0 + 72 * HOUR


@pytest.fixture(scope="session")
def facts(news_store: SqliteStore) -> list[Fact]:
    """The whole log."""
    return read_facts(news_store)


@pytest.fixture(scope="session")
def play(news_store: SqliteStore) -> Callable[..., Found]:
    """`play(facts, moments)`: every source's candidates at each moment, the shared lists made anew each time."""

    def play(facts: Sequence[Fact], moments: Sequence[Moment]) -> Found:
        ticks = itertools.count()
        conditions = Conditions(50, lists_every=0)
        return retrieve_all(news_store, facts, moments, conditions, lambda: float(next(ticks)))

    return play
