"""A small news world as items and events: users who like one category, items that differ in appeal and grow old.

Clicks follow a softmax over taste, appeal, age, and what the user saw and read before, so that what must rank well is
known. Knows nothing of feedrank's insides.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.types import HOUR, MINUTE, SECOND, Action, Event, Item, ItemId, Micros, UserId

T0: Micros = 1_684_368_000 * SECOND  # 2023-05-18 00:00 UTC
CATEGORIES = ("politics", "sport", "culture", "science")


@dataclass(frozen=True)
class NewsStream:
    """What an importer would write."""

    items: list[Item]
    events: list[Event]

    def write(self, data_dir: Path) -> None:
        """Imports everything into a new store."""
        store = SqliteStore.open(data_dir, Settings())
        try:
            store.append_items(self.items, None)
            result = store.append_events(self.events, None)
            assert not result.rejected
        finally:
            store.close()


def news_stream(
    impressions: int = 1_200, users: int = 40, items: int = 200, hours: int = 96, slate: int = 8, seed: int = 0
) -> NewsStream:
    """Impressions evenly over `hours` hours from T0, each with one click, 30 s after it."""
    rng = np.random.default_rng(seed)
    category = rng.integers(0, len(CATEGORIES), items)
    appeal = rng.normal(0.0, 1.0, items)
    published = np.sort(rng.uniform(-24.0, hours, items))
    taste = rng.integers(0, len(CATEGORIES), users)
    articles = [
        Item(
            ItemId(f"i{k}"),
            title=f"Article {k}",
            category=CATEGORIES[category[k]],
            language="en",
            published_at=T0 + int(published[k] * HOUR),
        )
        for k in range(items)
    ]
    events = []
    seen, read = np.zeros((users, items)), np.zeros((users, items))
    for n in range(impressions):
        at = hours * n / impressions
        out = np.flatnonzero(published < at)
        shown = rng.choice(out, size=min(slate, len(out)), replace=False)
        u = int(rng.integers(0, users))
        worth = 2.0 * (category[shown] == taste[u]) + appeal[shown] - (at - published[shown]) / 48.0
        worth -= 0.5 * seen[u, shown] + 3.0 * read[u, shown]
        chance = np.exp(worth - worth.max())
        clicked = int(rng.choice(shown, p=chance / chance.sum()))
        seen[u, shown] += 1.0
        read[u, clicked] = 1.0
        time, user, request = T0 + int(at * HOUR) + n, UserId(f"u{u}"), f"r{n}"
        ids = tuple(f"i{k}" for k in shown.tolist())
        events.append(
            Event(f"v{n}", user, time, Action.VIEW, request_id=request, item_ids=ids, session_id=f"s{n // 9}")
        )
        click = f"i{clicked}"
        events.append(Event(f"c{n}", user, time + 30 * SECOND, Action.CLICK, click, request_id=request))
        events.append(Event(f"d{n}", user, time + 2 * MINUTE, Action.DWELL, click, value=float(rng.uniform(5, 90))))
    events.sort(key=lambda event: event.time)
    return NewsStream(articles, events)
