"""Streams of log facts for tests: a log written by hand, and hypothesis strategies that write one.

`FactLog` stands in for the store: it numbers items by first appearance and gives each event what the store would have
found of earlier ones, by looking through all of them. Knows nothing of folds or features.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from feedrank.records import EventRecorded, Fact, ItemDeleted, ItemUpserted, QueryEmbedded, VectorLanded
from feedrank.settings import PREVIOUS_KEPT, PREVIOUS_WITHIN_H
from feedrank.types import DAY, F32, HOUR, MINUTE, SECOND, Action, Micros, Row, UserId
from feedrank.user_records import UserRecord, user_record
from feedrank.v1 import feedrank_pb2 as pb

T0: Micros = 1_684_368_000 * SECOND  # 2023-05-18 00:00
DIMENSIONS = 8
ENGAGEMENTS = (Action.CLICK, Action.LIKE, Action.SAVE, Action.SHARE)


def unit_vector(seed: int, dimensions: int = DIMENSIONS) -> F32:
    """A vector of length 1 as the log gives it: float32 values that float16 can hold, shape (dimensions,)."""
    values = np.random.default_rng(seed).normal(size=dimensions)
    return (values / np.linalg.norm(values)).astype(np.float16).astype(np.float32)


@dataclass
class FactLog:
    """Facts in the order they are appended, imported (received at their own time) or live (at `received_at`)."""

    imported: bool = False
    facts: list[Fact] = field(default_factory=list)
    row_of: dict[str, Row] = field(default_factory=dict)
    events_of: dict[str, list[EventRecorded]] = field(default_factory=dict)  # by user

    def row(self, item_id: str) -> Row:
        return self.row_of.setdefault(item_id, len(self.row_of))

    def _at(self, time: Micros, received_at: Micros | None) -> tuple[int, Micros, Micros, bool]:
        received = time if self.imported or received_at is None else received_at
        return len(self.facts) + 1, min(time, received), received, self.imported

    def event(
        self,
        action: Action,
        user: str,
        items: str | tuple[str, ...],
        time: Micros,
        received_at: Micros | None = None,
        value: float | None = None,
        request: str = "",
        session: str = "",
        target: str = "",
        region: str = "",
    ) -> EventRecorded:
        at = self._at(time, received_at)
        ids = (items,) if isinstance(items, str) else items
        rows = tuple(self.row(item) for item in ids if item)
        event = pb.Event(event_id=str(at[0]), user_id=user, request_id=request, session_id=session, target=target)
        event.action = int(action)  # type: ignore[assignment]
        if isinstance(items, str):
            event.item_id = items
        else:
            event.item_ids.extend(items)
        if value is not None:
            event.value = value
        if action == Action.SEARCH:
            event.query = "news"
        previous = self._previous(user, rows[0], at[1]) if action in ENGAGEMENTS else ()
        same = [f for f in self.events_of.get(user, ()) if request and f.event.request_id == request]
        answers = action == Action.CLICK and any(f.action == Action.VIEW and rows[0] in f.rows for f in same)
        late: tuple[tuple[Row, Micros], ...] = ()
        if action == Action.VIEW:
            viewed = {row for f in same if f.action == Action.VIEW for row in f.rows}
            waiting = (f for f in same if f.action == Action.CLICK and f.rows[0] in rows)
            late = tuple((f.rows[0], f.time) for f in waiting if f.rows[0] not in viewed)
        number = float("nan") if value is None else event.value
        fact = EventRecorded(*at, action, rows, previous, number, answers, late, region, event)
        self.facts.append(fact)
        self.events_of.setdefault(user, []).append(fact)
        return fact

    def _previous(self, user: str, row: Row, time: Micros) -> tuple[Row, ...]:
        mine = [
            f
            for f in self.events_of.get(user, ())
            if f.action in ENGAGEMENTS and time - PREVIOUS_WITHIN_H * HOUR <= f.time <= time
        ]
        newest = sorted(mine, key=lambda f: (f.time, f.offset), reverse=True)
        others = dict.fromkeys(f.rows[0] for f in newest if f.rows[0] != row)
        return tuple(others)[:PREVIOUS_KEPT]

    def upsert(self, item_id: str, time: Micros, received_at: Micros | None = None, **fields: Any) -> ItemUpserted:
        item = pb.Item(item_id=item_id)
        for name, value in fields.items():
            if isinstance(value, int):
                getattr(item, name).FromMicroseconds(value)
            elif isinstance(value, tuple):
                getattr(item, name).extend(value)
            else:
                setattr(item, name, value)
        content_hash = item.title.encode()
        fact = ItemUpserted(*self._at(time, received_at), self.row(item_id), item, content_hash)
        self.facts.append(fact)
        return fact

    def delete(self, item_id: str, time: Micros, received_at: Micros | None = None) -> ItemDeleted:
        fact = ItemDeleted(*self._at(time, received_at), self.row(item_id), item_id)
        self.facts.append(fact)
        return fact

    def vector(
        self, item_id: str, values: F32, time: Micros, space: str = "text", content_hash: bytes = b"", story: str = ""
    ) -> VectorLanded:
        """Vectors land when the encoder has run: live, whatever the log of their items."""
        row = self.row(item_id)
        story_row = self.row(story) if story else row
        at = (len(self.facts) + 1, time, time, False)
        fact = VectorLanded(*at, row, item_id, space, content_hash, values, story_row)
        self.facts.append(fact)
        return fact

    def query_vector(self, search: EventRecorded, values: F32, time: Micros, space: str = "text") -> QueryEmbedded:
        at = (len(self.facts) + 1, time, time, False)
        fact = QueryEmbedded(*at, UserId(search.event.user_id), space, search.offset, values)
        self.facts.append(fact)
        return fact


def records_of(log: FactLog, user: str) -> list[UserRecord]:
    """A user's records as the store keeps them, in log order."""
    mine = [f for f in log.facts if isinstance(f, EventRecorded) and f.event.user_id == user]
    embedded = [f for f in log.facts if isinstance(f, QueryEmbedded) and f.user_id == user]
    facts = sorted((*mine, *embedded), key=lambda f: f.offset)
    return [record for fact in facts if (record := user_record(fact)) is not None]


# From one microsecond to gaps in which every landmark moves, and most of what is remembered fades.
GAPS = (0, 0, 1, SECOND, 10 * MINUTE, 7 * HOUR, 3 * DAY, 11 * DAY, 60 * DAY, 200 * DAY)
LATENESS = (0, 0, 0, 0, 0, SECOND, 2 * HOUR, 20 * DAY, 130 * DAY, 300 * DAY)
CATEGORIES = ("", "sports", "politics", "culture")
MOVES = (
    *(
        "view",
        "slate",
        "click",
        "click",
        "click",
        "answer",
        "dwell",
        "like",
        "unlike",
        "hide",
        "unhide",
        "save",
        "share",
    ),
    *("follow", "unfollow", "search", "upsert", "upsert", "delete", "vector", "query_vector"),
)
_ACTION_OF_MOVE = {
    "dwell": Action.DWELL,
    "like": Action.LIKE,
    "unlike": Action.UNLIKE,
    "hide": Action.HIDE,
    "unhide": Action.UNHIDE,
    "save": Action.SAVE,
    "share": Action.SHARE,
}
_MOVE = st.tuples(
    st.sampled_from(MOVES),
    st.integers(0, 3),  # user
    st.integers(0, 7),  # item
    st.sampled_from(GAPS),
    st.sampled_from(LATENESS),
    st.integers(0, 11),  # whatever the move needs besides
)
Move = tuple[str, int, int, Micros, Micros, int]


def play(log: FactLog, moves: list[Move]) -> FactLog:
    """Appends what the moves say, one after another; the clock never goes back, but what arrives may be late."""
    clock = T0
    searches: list[EventRecorded] = []
    for kind, u, i, gap, late, extra in moves:
        clock += gap
        user, item, time = f"u{u}", f"i{i}", clock - late
        request = f"r{u}{extra % 3}"
        region = ("", "north", "south")[extra % 3]
        if kind in ("view", "slate"):
            items: str | tuple[str, ...] = item if kind == "view" else tuple(f"i{(i + k) % 8}" for k in range(3))
            log.event(Action.VIEW, user, items, time, clock, request=request, session=f"s{extra % 2}")
        elif kind in ("click", "answer"):
            request = request if kind == "answer" else ""
            log.event(Action.CLICK, user, item, time, clock, request=request, region=region, session=f"s{extra % 2}")
        elif kind in _ACTION_OF_MOVE:
            value = 100.0 * extra if kind == "dwell" else None
            log.event(_ACTION_OF_MOVE[kind], user, item, time, clock, value=value)
        elif kind in ("follow", "unfollow"):
            action = Action.FOLLOW if kind == "follow" else Action.UNFOLLOW
            log.event(action, user, "", time, clock, target=f"category:{CATEGORIES[1 + extra % 3]}")
        elif kind == "search":
            searches.append(log.event(Action.SEARCH, user, "", time, clock))
        elif kind == "upsert":
            category, subcategory = CATEGORIES[extra % 4], f"sub{extra % 3}"
            names = {"category": category, "subcategory": subcategory, "author": f"a{extra % 5}", "language": "en"}
            log.upsert(item, time, clock, title=f"title {extra}", published_at=time, **names)
        elif kind == "delete":
            log.delete(item, time, clock)
        elif kind == "vector":
            title = f"title {extra}".encode()
            log.vector(item, unit_vector(extra), clock, content_hash=title, story=f"i{extra % 8}")
        elif searches:
            log.query_vector(searches[extra % len(searches)], unit_vector(extra), clock)
    return log


@st.composite
def fact_logs(draw: st.DrawFn, most: int = 40, imported: bool | None = None) -> FactLog:
    """A log of up to `most` facts of every kind, live or imported."""
    least = draw(st.sampled_from((most // 2, 0)))  # left alone, hypothesis prefers lists of five
    moves: list[Move] = draw(st.lists(_MOVE, min_size=least, max_size=most))
    return play(FactLog(draw(st.booleans()) if imported is None else imported), moves)


def long_log(seed: int, length: int, imported: bool = False, gap: Micros = 20 * MINUTE) -> FactLog:
    """A seeded log of `length` moves with small gaps: much is alive at once."""
    rng = np.random.default_rng(seed)
    moves: list[Move] = []
    for _ in range(length):
        late = int(rng.exponential(HOUR)) if rng.random() < 0.2 else 0
        kind = MOVES[int(rng.integers(len(MOVES)))]
        i, extra = int(8 * rng.random() ** 2), int(rng.integers(12))
        moves.append((kind, int(rng.integers(4)), i, int(rng.integers(gap)), late, extra))
    return play(FactLog(imported), moves)


def parts(count: int) -> st.SearchStrategy[list[int]]:
    """Where to cut a sequence into stretches: ascending places, each from 0 to `count`."""
    return st.lists(st.integers(0, count), max_size=6).map(sorted)


def world(
    items: int = 700, users: int = 20, events: int = 2_500, dimensions: int = 384, imported: bool = False
) -> FactLog:
    """A seeded log of some days: items of many kinds, a few unlisted and without vectors, and users who differ."""
    rng = np.random.default_rng(items + users + events)
    log = FactLog(imported)
    for i in range(items):
        at = T0 - int(rng.integers(5 * DAY))
        names: dict[str, Any] = {
            "category": f"c{i % 9}",
            "subcategory": f"s{i % 31}",
            "author": f"a{i % 50}",
            "source": f"p{i % 7}",
        }
        if i % 10:
            language = ("", "en", "da")[i % 3]
            texts: dict[str, Any] = {"title": "t" * (i % 80), "body": "b" * (i % 301), "language": language}
            log.upsert(f"i{i}", at, published_at=at if i % 4 else 0, **texts, **names)
        if i % 6:
            log.vector(f"i{i}", unit_vector(i, dimensions), T0)
    log.facts.sort(key=lambda fact: fact.time)
    log.facts = [replace(fact, offset=k + 1) for k, fact in enumerate(log.facts)]
    moves = (
        Action.VIEW,
        Action.VIEW,
        Action.CLICK,
        Action.CLICK,
        Action.DWELL,
        Action.LIKE,
        Action.HIDE,
        Action.FOLLOW,
    )
    clock = T0
    for k in range(events):
        clock += int(rng.integers(4 * MINUTE))
        user, action = f"u{int(users * rng.random() ** 2)}", moves[int(rng.integers(len(moves)))]
        item, session = f"i{int(items * rng.random() ** 2)}", f"s{k // 200}"
        region = ("", "north", "south")[k % 3]
        if action == Action.VIEW:
            slate = tuple(f"i{int(n)}" for n in items * rng.random(12) ** 2)
            log.event(action, user, slate, clock, request=f"r{k}", session=session, region=region)
            if k % 2:
                log.event(Action.CLICK, user, slate[k % 12], clock, request=f"r{k}", session=session, region=region)
        elif action == Action.FOLLOW:
            targets = (f"author:a{k % 50}", f"category:c{k % 9}", f"source:p{k % 7}")
            log.event(action, user, "", clock, target=targets[k % 3])
        else:
            value = float(rng.integers(1, 200)) if action == Action.DWELL else None
            log.event(action, user, item, clock, value=value, session=session, region=region)
        if k % 50 == 0:
            search = log.event(Action.SEARCH, user, "", clock)
            log.query_vector(search, unit_vector(k, dimensions), clock)
    return log
