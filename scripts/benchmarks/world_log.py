"""The log of a benchmark world: items around topics, and users who answer slates of what is new in three topics.

What is measured on it is the path of a request, not the quality of a ranking, but the path depends on shape: vectors
lie in clusters and their spectrum decays as that of text embeddings does, so that an index finds neighbours worth
finding; activity follows a power law; people read what came out lately, and much the same, so that trends,
co-engagement and interests have something to say. Knows nothing of files, caches or models.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from feedrank.store import LogStore
from feedrank.types import DAY, F32, F64, I32, I64, SECOND, Action, Event, Item, ItemId, Micros, UserId

SHOWN = 12  # items of a slate: what the target of replay is stated for
OF_TOPIC = 8  # of them from the topic the user reads, the rest from another one
TOPICS_READ = 3  # by each user: three interest vectors
READ_SHARES = (0.5, 0.3, 0.2)
FEWEST, MOST = 5, 200  # actions of a user, an action being a slate answered with a click
EVENT_DAYS = 4  # over which users acted, up to the end of the log
ITEM_DAYS = 14  # over which items came out
OLD_ITEMS = SHOWN  # of each topic, out before the first event: a slate always fills
ITEMS_A_TOPIC, MOST_TOPICS = 100, 300
TOPICS_A_CATEGORY = 20
SECOND_TOPIC, NOISE = 0.8, 1.2  # lengths beside the category's centre: cosine .53 within a topic, .32 within a category
SPECTRUM = -0.35  # exponent of the noise's standard deviations: about 110 effective dimensions of 384
# News has hits: of Globo's 1.5 million clicks the top 1% of 26,000 articles take 71%, and of all pairs of articles that
# neighbour in a history 18% are distinct. So here it is 52% and 10% at 10,000 items, 64% and 34% at 100,000.
TOPIC_SKEW = 1.2  # Zipf's exponent of how many read a topic
RECENCY = 6.0  # exponent: half of all reads are of the newest sixty-fourth of a topic
APPEAL = 3.0  # standard deviation of an item's appeal, in units of the noise of a choice
USERS_AT_ONCE = 10_000
ITEM_BATCH, EVENT_BATCH = 2_000, 10_000  # records a transaction

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Catalog:
    """Items in topic order, oldest first within a topic: columns (n,), and where each topic begins, (topics + 1,)."""

    topic: I32
    published: I64
    appeal: F64
    starts: I64

    @property
    def topics(self) -> int:
        """How many there are."""
        return len(self.starts) - 1


def topics_of(items: int) -> int:
    """How many topics a catalog of this size has."""
    return max(TOPICS_READ + 1, min(items // ITEMS_A_TOPIC, MOST_TOPICS))


def catalog_of(items: int, end: Micros, rng: np.random.Generator) -> Catalog:
    """Items spread evenly over topics, out during ITEM_DAYS up to `end`, each topic's oldest before all events."""
    topics = topics_of(items)
    topic = np.sort(np.arange(items) % topics).astype(np.int32)
    starts = np.searchsorted(topic, np.arange(topics + 1)).astype(np.int64)
    published = end - rng.integers(0, ITEM_DAYS * DAY, items)
    place = np.arange(items) - starts[topic]
    early = end - rng.integers(EVENT_DAYS * DAY + 1, ITEM_DAYS * DAY, items)
    published = np.where(place < OLD_ITEMS, early, published)
    order = np.lexsort((published, topic))
    return Catalog(topic, published[order], APPEAL * rng.standard_normal(items), starts)


def vectors_of(topic: I32, dimensions: int, topics: int, rng: np.random.Generator) -> Iterator[F32]:
    """Unit vectors of items in order, (ITEM_BATCH, dimensions) at a time: category centre + topic centre + noise."""
    categories = rng.standard_normal((topics // TOPICS_A_CATEGORY + 1, dimensions))
    centres = categories[np.arange(topics) // TOPICS_A_CATEGORY]
    centres += SECOND_TOPIC * rng.standard_normal((topics, dimensions))
    scales = np.arange(1, dimensions + 1) ** SPECTRUM
    scales *= NOISE / np.sqrt(np.mean(scales**2))
    turn, _ = np.linalg.qr(rng.standard_normal((dimensions, dimensions)))  # no axis is special to an index
    for start in range(0, len(topic), ITEM_BATCH):
        of = topic[start : start + ITEM_BATCH]
        values = centres[of] + (rng.standard_normal((len(of), dimensions)) * scales) @ turn
        yield (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def write_items(
    store: LogStore, catalog: Catalog, space: str, dimensions: int, rng: np.random.Generator, progress: Progress
) -> None:
    """Imports the catalog; item k is "i<k>"."""
    done = 0
    for values in vectors_of(catalog.topic, dimensions, catalog.topics, rng):
        batch = [_item(catalog, done + k, space, vector) for k, vector in enumerate(values)]
        store.append_items(batch, None)
        done += len(batch)
        progress(len(batch))


def _item(catalog: Catalog, k: int, space: str, vector: F32) -> Item:
    topic = int(catalog.topic[k])
    return Item(
        ItemId(f"i{k}"),
        title=f"Headline {k} of topic {topic}",
        category=f"c{topic // TOPICS_A_CATEGORY}",
        subcategory=f"t{topic}",
        source=f"s{k % 40}",
        author=f"a{k % 300}",
        published_at=int(catalog.published[k]),
        vectors={space: vector},
    )


def exponent_for(mean: float) -> float:
    """The power law density x^-p over FEWEST to MOST whose mean this is. ValueError for a mean outside of it."""
    if not FEWEST < mean < MOST:
        raise ValueError(f"a mean of {mean:g} actions does not lie between {FEWEST} and {MOST}")
    low, high = -20.0, 60.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _mean(middle) > mean else (low, middle)
    return (low + high) / 2


def _mean(p: float) -> float:
    x = np.geomspace(FEWEST, MOST, 20_001)
    weights = (x / FEWEST) ** -p
    return float(np.trapezoid(x * weights, x) / np.trapezoid(weights, x))


def actions_of(users: int, mean: float, rng: np.random.Generator) -> I64:
    """How many actions each user has, (users,), FEWEST to MOST: a truncated power law by its inverse."""
    power = 1.0 - exponent_for(mean)
    u = rng.random(users)
    if abs(power) < 1e-9:
        drawn = FEWEST * (MOST / FEWEST) ** u
    else:
        ratio = (MOST / FEWEST) ** power
        drawn = FEWEST * (1.0 + u * (ratio - 1.0)) ** (1.0 / power)
    return np.clip(np.rint(drawn), FEWEST, MOST).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Slates:
    """Slates in time order, (m,): who, when, what was shown (m, SHOWN), and the place clicked."""

    user: I32
    time: I64
    shown: I32
    clicked: I32


def slates_of(catalog: Catalog, users: int, mean_actions: float, end: Micros, rng: np.random.Generator) -> Slates:
    """Each user's slates over the last EVENT_DAYS: OF_TOPIC recent items of a topic the user reads, one of them clicked
    by its appeal, and a few of another topic.
    """
    actions = actions_of(users, mean_actions, rng)
    user = np.repeat(np.arange(users, dtype=np.int32), actions)
    time = end - rng.integers(2 * SECOND, EVENT_DAYS * DAY, len(user))
    order = np.argsort(time, kind="stable")
    user, time = user[order], time[order]
    read = _topics_read(users, catalog.topics, rng)
    which = np.searchsorted(np.cumsum(READ_SHARES)[:-1], rng.random(len(user)))
    topic = read[user, which]
    other = (topic + rng.integers(1, catalog.topics, len(user))) % catalog.topics
    near = _recent(catalog, topic, time, OF_TOPIC, rng)
    shown = np.concatenate([near, _recent(catalog, other, time, SHOWN - OF_TOPIC, rng)], axis=1)
    clicked = np.argmax(catalog.appeal[near] + rng.gumbel(size=near.shape), axis=1)
    return Slates(user, time, shown, clicked.astype(np.int32))


def _topics_read(users: int, topics: int, rng: np.random.Generator) -> I32:
    """TOPICS_READ distinct topics of each user, (users, TOPICS_READ), popular ones likelier.

    The greatest of log weights plus Gumbel noise are a draw without replacement (Efraimidis, Spirakis 2006).
    """
    weights = -TOPIC_SKEW * np.log(rng.permutation(topics) + 1)
    read = np.empty((users, TOPICS_READ), np.int32)
    for start in range(0, users, USERS_AT_ONCE):
        part = read[start : start + USERS_AT_ONCE]
        keys = weights + rng.gumbel(size=(len(part), topics))
        best = np.argpartition(-keys, TOPICS_READ, axis=1)[:, :TOPICS_READ]
        part[:] = np.take_along_axis(best, np.argsort(np.take_along_axis(-keys, best, axis=1), axis=1), axis=1)
    return read


def _recent(catalog: Catalog, topic: I32, time: I64, count: int, rng: np.random.Generator) -> I32:
    """For each slate `count` items of its topic that came out one after another, newer ones likelier, (m, count)."""
    starts = catalog.starts[topic]
    base = int(catalog.published.min())
    span = int(catalog.published.max()) - base + 2
    keys = catalog.topic.astype(np.int64) * span + (catalog.published - base)  # ascending
    wanted = topic.astype(np.int64) * span + np.clip(time - base, 0, span - 1)
    out = np.maximum(np.searchsorted(keys, wanted) - starts, count)
    back: F64 = np.floor((out - count + 1) * rng.random(len(topic)) ** RECENCY)
    newest = starts + out - 1 - back.astype(np.int64)
    rows: I32 = (newest[:, None] - np.arange(count)).astype(np.int32)
    return rows


def write_events(store: LogStore, slates: Slates, progress: Progress) -> int:
    """Imports a VIEW of each whole slate and the CLICK that answers it; returns how many events there are."""
    written = 0
    batch: list[Event] = []
    for n, (user, time, shown, place) in enumerate(_rows(slates)):
        name, request, session = UserId(f"u{user}"), f"r{n}", f"{user}-{time // DAY}"
        ids = tuple(f"i{k}" for k in shown)
        batch.append(Event(f"v{n}", name, time, Action.VIEW, item_ids=ids, request_id=request, session_id=session))
        clicked = Event(f"c{n}", name, time + SECOND, Action.CLICK, ids[place], request_id=request, session_id=session)
        batch.append(clicked)
        if len(batch) >= EVENT_BATCH:
            store.append_events(batch, None)
            written += len(batch)
            progress(len(batch))
            batch = []
    if batch:
        store.append_events(batch, None)
        progress(len(batch))
    return written + len(batch)


def _rows(slates: Slates) -> Iterator[tuple[int, int, list[int], int]]:
    """Slates one at a time, as plain numbers, without making lists of all of them at once."""
    for start in range(0, len(slates.user), EVENT_BATCH):
        part = slice(start, start + EVENT_BATCH)
        columns = (slates.user[part], slates.time[part], slates.shown[part], slates.clicked[part])
        yield from zip(*(column.tolist() for column in columns), strict=True)
