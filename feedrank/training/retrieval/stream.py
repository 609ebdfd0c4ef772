"""Plays the log back in time order and asks every source for its candidates just before each judged click.

State is the fold of what was visible strictly before the click, the history what its user did strictly before: the
sources, the hydration of interests, the index and the shared lists are those that serve. Knows nothing of recall.
"""

import threading
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

import numpy as np

from feedrank import recipes
from feedrank.history import Profile, profile
from feedrank.index.interests import interest_vectors
from feedrank.index.retrievable import Retrievable
from feedrank.pipeline import lists
from feedrank.pipeline.hydrate import interests_of, near_vectors
from feedrank.pipeline.rules import NO_RULES
from feedrank.pipeline.scorers import PriorScorer
from feedrank.pipeline.stages import Query, Reader, Source
from feedrank.records import EventRecorded, Fact, QueryEmbedded
from feedrank.settings import SourceQuotas
from feedrank.state import NEVER, State, apply
from feedrank.store import LogStore
from feedrank.training.facts import Progress, no_progress
from feedrank.training.replay import Histories, visible_times
from feedrank.training.retrieval.moments import Moment
from feedrank.types import F32, I32, I64, MINUTE, SECOND, Bools, Micros, Row
from feedrank.user_records import session_key

SOURCES = ("interest", "similar", "followed", "trending", "fresh")  # in the order of `recipes.sources`
# The service makes its shared lists anew every second. Once a minute costs a sixtieth of that, and what was first read
# within the last minute is then missing: the figure is at most too low.
LISTS_EVERY: Micros = MINUTE


@dataclass(frozen=True, slots=True)
class Found:
    """What every source brought at each of n moments, and what was known of the click then."""

    lists: I32  # (n, len(SOURCES), k) rows, best first, padded with -1
    clicked: I32  # (n,) the row to be found
    read_before: Bools  # (n,) the user had read or hidden it: the feed leaves it out by design
    history: I32  # (n,) engagements of the user, at most 200
    age: I64  # (n,) microseconds since it was published or first named in the log; -1: nothing had named it
    place_in_session: I32  # (n,) 1 for a session's first click, 0 where the session is unknown
    seconds: dict[str, float]  # a retrieval took in the mean, by source

    def take(self, keep: Bools) -> "Found":
        """Only the moments of a mask (n,)."""
        return Found(
            self.lists[keep],
            self.clicked[keep],
            self.read_before[keep],
            self.history[keep],
            self.age[keep],
            self.place_in_session[keep],
            self.seconds,
        )


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the past is seen, and how deep each source is asked."""

    k: int
    counter_delay: Micros = 0
    space: str = ""
    serve_unlisted: bool = False
    lists_every: Micros = LISTS_EVERY


def retrieve_all(
    store: LogStore,
    facts: Sequence[Fact],
    moments: Sequence[Moment],
    conditions: Conditions,
    clock: Callable[[], float],
    progress: Progress = no_progress,
) -> Found:
    """Every source's candidates at each moment (in time order). `facts` are in offset order, from the log's beginning.

    `clock` gives seconds and times the sources; `progress` hears the moments done.
    """
    n, k = len(moments), conditions.k
    out = Found(
        np.full((n, len(SOURCES), k), -1, np.int32),
        np.array([moment.row for moment in moments], np.int32),
        np.zeros(n, np.bool_),
        np.zeros(n, np.int32),
        np.full(n, -1, np.int64),
        np.zeros(n, np.int32),
        dict.fromkeys(SOURCES, 0.0),
    )
    past = _Past(store, facts, {moment.user_id for moment in moments}, conditions)
    for i, moment in enumerate(moments):
        now = moment.time // SECOND * SECOND
        known = past.advance(moment)
        reader = Reader(known, past.interests(known, now), past.state.position)
        query = Query("", moment.user_id, 1, now, 0, context=moment.context)
        for source in past.sources:
            started = clock()
            rows = source.retrieve(query, reader).rows[:k]
            out.seconds[source.name] += (clock() - started) / n
            out.lists[i, SOURCES.index(source.name), : len(rows)] = rows
        out.read_before[i] = moment.row in known.engaged_rows or moment.row in known.hidden_rows
        out.history[i] = len(known.engaged_rows)
        out.age[i] = past.age(moment.row, moment.time)
        out.place_in_session[i] = _place(known, moment.context.session_id)
        progress(1)
    return out


class _Past:
    """Item state, index, lists and histories as of the last moment asked for."""

    def __init__(self, store: LogStore, facts: Sequence[Fact], users: Set[str], conditions: Conditions) -> None:
        self._store, self._conditions = store, conditions
        self.state = State()
        self._lock = threading.Lock()
        self._retrievable = Retrievable(self.state)
        self._histories = Histories([fact for fact in facts if _user_of(fact) in users])
        visible = visible_times(facts, conditions.counter_delay)
        order = np.argsort(visible, kind="stable")  # by (visible, offset)
        self._facts, self._visible = [facts[i] for i in order.tolist()], visible[order]
        self._folded = 0
        self._listed_at: Micros | None = None
        self.sources: tuple[Source, ...] = ()

    def advance(self, moment: Moment) -> Profile:
        """Moves up to just before a moment and returns its user's profile."""
        stop = int(np.searchsorted(self._visible, moment.time, side="left"))  # equal times are not yet visible
        arrived = self._facts[self._folded : stop]
        apply(self.state, arrived)
        self._retrievable.follow(arrived)
        self._folded = stop
        if self._listed_at is None or moment.time - self._listed_at >= self._conditions.lists_every:
            self._wire(moment.time)
        return profile(self._histories.before(moment.user_id, moment.time), self._conditions.space)

    def interests(self, known: Profile, now: Micros) -> F32:
        """The profile's interest vectors."""
        near = near_vectors(self.state, known, self._conditions.space)
        return interests_of(near, known, now, interest_vectors)

    def age(self, row: Row, now: Micros) -> Micros:
        """How long an item has been out, -1 if nothing has named it yet."""
        if row >= self.state.catalog.rows:
            return -1
        columns = self.state.catalog.columns
        first_seen, published = int(columns["first_seen"][row]), int(columns["published_at"][row])
        appeared = published or first_seen
        return -1 if appeared == NEVER else max(now - appeared, 0)

    def _wire(self, now: Micros) -> None:
        """Makes the shared lists as of `now`, and sources over them."""
        made = lists.build(self.state, now, self._conditions.serve_unlisted)
        self._retrievable.expire(now)
        self._retrievable.compact()
        index = self._retrievable.indices.get(self._conditions.space)
        parts = recipes.Parts(
            self._store,
            self.state,
            self._lock,
            None if index is None else index.view,
            made,
            NO_RULES,
            PriorScorer(),
            self._conditions.space,
            lambda stage, seconds, candidates: None,
        )
        k = self._conditions.k
        quotas = SourceQuotas(interest=k, similar=k, trending=k, fresh=k, followed=k)
        self.sources = recipes.sources(quotas, k, parts)
        self._listed_at = now


def _user_of(fact: Fact) -> str | None:
    if isinstance(fact, EventRecorded):
        return fact.event.user_id
    return fact.user_id if isinstance(fact, QueryEmbedded) else None


def _place(known: Profile, session_id: str) -> int:
    """The place of the next click in its session, from 1; 0 where the session is unknown."""
    session = session_key(session_id)
    return int(np.count_nonzero(known.engaged_sessions == session)) + 1 if session else 0
