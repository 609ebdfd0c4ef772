"""One batch, from the log to landed vectors, over a real store."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feedrank.errors import Unavailable
from feedrank.index.backlog import Backlog
from feedrank.index.embedding import embed
from feedrank.index.stories import StoryBook
from feedrank.records import QueryEmbedded, VectorLanded, decode
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.types import HOUR, SECOND, Action, Event, Item, ItemId, UserId

NOW = 1_700_000_000 * SECOND


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path, Settings())
    yield opened
    opened.close()


@pytest.fixture
def due() -> Backlog:
    return Backlog("text:words", StoryBook(0.86, 48 * HOUR))


def upsert(store: SqliteStore, **titles: str) -> None:
    items = [Item(ItemId(item_id), title=title) for item_id, title in titles.items()]
    assert store.append_items(items, NOW).accepted == len(titles)


def embed_all(store: SqliteStore, words: Any, due: Backlog, at: int = NOW) -> int:
    landed = 0
    while True:
        due.apply(store.read(due.position, 10_000))
        if not len(due):
            return landed
        landed += embed(store, words, due, due.take(64), at)


def landings(store: SqliteStore) -> list[VectorLanded]:
    facts = [decode(record) for record in store.read(0, 10_000)]
    return [fact for fact in facts if isinstance(fact, VectorLanded)]


def test_items_land_as_the_encoder_made_them_with_their_stories(store: SqliteStore, words: Any, due: Backlog) -> None:
    upsert(store, a="cup final won", b="rates raised", c="final cup won", empty=" ")
    assert embed_all(store, words, due) == 3
    assert [(fact.item_id, fact.story_row) for fact in landings(store)] == [("a", 0), ("b", 1), ("c", 0)]
    stored = store.vectors("text:words")
    assert stored.rows == [0, 1, 2]
    assert np.allclose(stored.values, words.encode(["cup final won", "rates raised", "final cup won"]), atol=1e-3)
    upsert(store, d="rates raised")
    assert embed_all(store, words, due) == 1
    assert landings(store)[-1].story_row == 1


def test_no_text_is_encoded_twice(store: SqliteStore, words: Any, due: Backlog) -> None:
    upsert(store, a="one", b="two", c="one")
    embed_all(store, words, due)
    assert sorted(words.encoded) == ["one", "two"]
    upsert(store, a="three")
    embed_all(store, words, due)
    upsert(store, a="one")
    assert embed_all(store, words, due) == 1  # what is stored lands again, and is in force
    assert sorted(words.encoded) == ["one", "three", "two"]
    assert [fact.item_id for fact in landings(store)] == ["a", "b", "c", "a", "a"]
    assert landings(store)[-1].values.tobytes() == landings(store)[0].values.tobytes()
    again = Backlog("text:words", StoryBook(0.86, 48 * HOUR))
    assert embed_all(store, words, again) == 0


def test_a_changed_article_keeps_its_story(store: SqliteStore, words: Any, due: Backlog) -> None:
    upsert(store, a="cup final won", b="won cup final", c="rates raised")
    embed_all(store, words, due)
    upsert(store, b="rates raised")
    embed_all(store, words, due)
    assert [(fact.item_id, fact.story_row) for fact in landings(store)][-1] == ("b", 0)


def test_searches_land_for_their_user(store: SqliteStore, words: Any, due: Backlog) -> None:
    search = Event("e1", UserId("u"), NOW, Action.SEARCH, query="cup final")
    store.append_events([search], NOW)
    assert embed_all(store, words, due) == 1
    facts = [decode(record) for record in store.read(0, 100)]
    (found,) = [fact for fact in facts if isinstance(fact, QueryEmbedded)]
    assert (found.user_id, found.search_offset, found.space) == ("u", 1, "text:words")
    assert np.allclose(found.values, words.encode(["cup final"])[0], atol=1e-3)


def test_what_was_erased_or_deleted_in_between_is_skipped(store: SqliteStore, words: Any, due: Backlog) -> None:
    store.append_events([Event("e1", UserId("u"), NOW, Action.SEARCH, query="cup final")], NOW)
    upsert(store, a="one")
    due.apply(store.read(0, 100))
    offsets = due.take(64)
    store.erase_user(UserId("u"), NOW)
    assert embed(store, words, due, offsets[:1], NOW) == 0
    assert words.encoded == []
    assert embed(store, words, due, offsets, NOW) == 1
    assert words.encoded == ["one"]


def test_a_failing_encoder_lands_nothing(store: SqliteStore, words: Any, due: Backlog) -> None:
    upsert(store, a="one", b="two")
    due.apply(store.read(0, 100))
    words.broken = True
    with pytest.raises(Unavailable, match="broken"):
        embed(store, words, due, due.take(64), NOW)
    assert landings(store) == []
