"""A news world: its articles and readers as columns, and as the domain's `Item` and `User` records.

Built whole from `WorldSettings`; nothing in it changes afterwards, so what readers do depends on nothing but the
slates they are shown. Knows nothing of clicks, policies or the service.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from feedrank.errors import NotFound, UnknownItem
from feedrank.simulator.articles import Articles, name_authors, write_articles
from feedrank.simulator.entities import Entities, NamePool, build_entities
from feedrank.simulator.facts import FactDrawer
from feedrank.simulator.lexicon import Lexicon
from feedrank.simulator.readers import DEVICES, Readers, draw_readers
from feedrank.simulator.settings import WorldSettings
from feedrank.simulator.stories import plan_stories
from feedrank.simulator.text_files import load_lexicon
from feedrank.types import HOUR, I64, Bools, Context, Item, ItemId, Micros, User, UserId


class Stream(IntEnum):
    """Independent random streams of one seed, so that a change to one part leaves the others as they were."""

    NAMES = 1
    ENTITIES = 2
    FACTS = 3
    STORIES = 4
    ARTICLES = 5
    READERS = 6
    SESSIONS = 7
    RESPONSES = 8
    POLICY = 9
    ANSWERS = 10


def stream(settings: WorldSettings, which: Stream) -> np.random.Generator:
    """The generator of one stream, at its beginning."""
    return np.random.default_rng([settings.seed, int(which)])


@dataclass(frozen=True, slots=True)
class World:
    """Articles, readers and what they are made of. Items and users go by number inside, by id outside."""

    settings: WorldSettings
    lexicon: Lexicon
    entities: Entities
    authors: tuple[str, ...]
    articles: Articles
    readers: Readers
    item_ids: tuple[ItemId, ...]
    user_ids: tuple[UserId, ...]
    _items: Mapping[str, int]
    _users: Mapping[str, int]
    _eligible: Mapping[tuple[int, int], Bools]  # (region, own language) -> (items,)

    @classmethod
    def build(cls, settings: WorldSettings) -> "World":
        """The world of these settings: the same for the same settings, on any machine with the same NumPy."""
        lexicon = load_lexicon()
        names = NamePool(lexicon.cultures, stream(settings, Stream.NAMES))
        entities = build_entities(lexicon, names, stream(settings, Stream.ENTITIES))
        authors = name_authors(lexicon, names)
        drawer = FactDrawer(lexicon, entities, names, stream(settings, Stream.FACTS))
        stories, reports = plan_stories(lexicon, settings, drawer, stream(settings, Stream.STORIES))
        articles = write_articles(lexicon, entities, names, stories, reports, stream(settings, Stream.ARTICLES))
        readers = draw_readers(lexicon, entities, settings, stream(settings, Stream.READERS))
        item_ids = tuple(ItemId(f"a{number:06d}") for number in range(len(articles)))
        user_ids = tuple(UserId(f"u{number:06d}") for number in range(len(readers)))
        return cls(
            settings=settings,
            lexicon=lexicon,
            entities=entities,
            authors=authors,
            articles=articles,
            readers=readers,
            item_ids=item_ids,
            user_ids=user_ids,
            _items={item: number for number, item in enumerate(item_ids)},
            _users={user: number for number, user in enumerate(user_ids)},
            _eligible=_eligibility(articles, readers),
        )

    def item_number(self, item_id: str) -> int:
        """Raises UnknownItem for an id this world does not have."""
        try:
            return self._items[item_id]
        except KeyError:
            raise UnknownItem(f"item {item_id!r} is not of this world; it has {self.item_ids[0]} and on") from None

    def user_number(self, user_id: str) -> int:
        """Raises NotFound for an id this world does not have."""
        try:
            return self._users[user_id]
        except KeyError:
            raise NotFound(f"no such user in this world; it has {self.user_ids[0]} to {self.user_ids[-1]}") from None

    def live_items(self, user: int, now: Micros) -> I64:
        """Numbers of the articles a feed of this user may hold now, in order of publication.

        Published, not expired, not older than the settings' lifetime, allowed in the user's region and in a language
        the user reads.
        """
        articles = self.articles
        oldest = now - self.settings.lifetime_hours * HOUR
        first, last = np.searchsorted(articles.published_at, [oldest, now], side="right")
        eligible = self._eligible[_group(self.readers, user)][first:last]
        expires = articles.expires_at[first:last]
        return np.asarray(first + np.flatnonzero(eligible & ((expires == 0) | (expires > now))), dtype=np.int64)

    def item(self, number: int) -> Item:
        """An article as its publisher describes it."""
        articles, lexicon = self.articles, self.lexicon
        sub = lexicon.subcategories[articles.topic[number]]
        allowed = articles.allowed[number]
        regions = () if allowed.all() else tuple(r.code for r, ok in zip(lexicon.regions, allowed, strict=True) if ok)
        return Item(
            item_id=self.item_ids[number],
            title=articles.titles[number],
            body=articles.bodies[number],
            category=sub.category,
            subcategory=sub.name,
            language=lexicon.languages[articles.language[number]],
            source=lexicon.publishers[articles.publisher[number]].name,
            author=self.authors[articles.author[number]],
            tags=tuple(self.entities.names[entity] for entity in articles.entities[number] if entity >= 0),
            regions=regions,
            published_at=int(articles.published_at[number]),
            expires_at=int(articles.expires_at[number]),
            updated_at=int(articles.published_at[number]),
        )

    def items(self) -> Iterator[Item]:
        """All articles in order of publication."""
        return (self.item(number) for number in range(len(self.articles)))

    def user(self, number: int) -> User:
        """What a backend would know of a reader; nothing of their interests."""
        context = self.context(number)
        return User(
            self.user_ids[number], context.language, context.country, context.region, {"device": context.device}
        )

    def users(self) -> Iterator[User]:
        """All readers."""
        return (self.user(number) for number in range(len(self.readers)))

    def context(self, number: int, session_id: str = "") -> Context:
        """Where and how a reader makes requests."""
        region = self.lexicon.regions[self.readers.region[number]]
        language = self.lexicon.languages[self.readers.language[number]]
        return Context(language, region.country, region.code, DEVICES[self.readers.device[number]], session_id)


def _group(readers: Readers, user: int) -> tuple[int, int]:
    """Readers of one group may be shown the same articles: (region, last language they read)."""
    return int(readers.region[user]), int(np.flatnonzero(readers.reads[user])[-1])


def _eligibility(articles: Articles, readers: Readers) -> dict[tuple[int, int], Bools]:
    groups = {_group(readers, user): user for user in range(len(readers))}
    return {
        group: articles.allowed[:, group[0]] & readers.reads[user][articles.language] for group, user in groups.items()
    }
