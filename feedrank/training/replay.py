"""Replay: raw feature columns of past requests, rebuilt from the log by the same fold, history and gather that serve.

Two ways in. Imported impressions are replayed by time: item state is the fold of what was visible strictly before them,
in (visible, offset) order, and a user's history what was strictly earlier. Logged slates are replayed by position: the
very prefix of the log they were served from, so their rows come out again bit for bit. Knows nothing of labels, models
or splits.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from feedrank import history as user_history
from feedrank.features import Raw, gather
from feedrank.history import NO_HISTORY, History, Profile, Timeline, profile
from feedrank.records import EventRecorded, Fact, ItemUpserted, QueryEmbedded, VectorLanded
from feedrank.state import State, apply
from feedrank.types import I64, SECOND, Action, Context, Micros, Row
from feedrank.user_records import UserRecord, user_record
from feedrank.v1 import log_pb2 as log

FOREVER: Micros = 2**62


@dataclass(frozen=True, slots=True)
class Impression:
    """A past request whose slate is known: who, when, and what was on it, in order."""

    request_id: str
    user_id: str
    time: Micros
    rows: tuple[Row, ...]
    context: Context = Context()
    item_ids: tuple[str, ...] = ()  # of the rows; empty where they all are in the log before it
    padded: bool = False  # scored beside what else the service would have scored, where `Scored` can tell
    known_until: Micros = FOREVER  # records from here on are unknown to it, as when the log lags behind ...
    own_known: bool = False  # ... but for what its own user did, which is known up to its time

    @property
    def horizon(self) -> Micros:
        """Strictly before this lies all that its rows may be made of."""
        return min(self.time, self.known_until)


# What is scored for an impression as of `now` in a space: its own rows first, in order.
Scored = Callable[[State, Profile, Impression, Micros, str], Raw]


def as_shown(state: State, user: Profile, impression: Impression, now: Micros, space: str) -> Raw:
    """Only what the impression showed."""
    return gather(state, np.array(impression.rows, np.int32), user, impression.context, now, space)


def seed_of(request_id: str) -> int:
    """63 bits of the id's hash: what is drawn for an impression is drawn again in every replay."""
    return int.from_bytes(hashlib.blake2b(request_id.encode(), digest_size=8).digest(), "little") >> 1


class Histories:
    """Every user's records out of a stretch of log, by user id."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._records: dict[str, list[UserRecord]] = {}
        self._timelines: dict[str, Timeline] = {}
        searched: dict[int, Micros] = {}  # when, of imported searches by offset
        for fact in facts:
            record = user_record(fact)
            if record is None:
                continue
            if isinstance(fact, EventRecorded) and fact.imported and fact.action == Action.SEARCH:
                searched[fact.offset] = fact.time
            if isinstance(
                fact, QueryEmbedded
            ):  # counts with the imported search it was made from, as vectors of items do
                record = record._replace(time=searched.get(fact.search_offset, record.time))
            self._records.setdefault(_user_of(fact), []).append(record)
        self._records.pop("", None)  # events of opted-out users have no id and no history

    def before(self, user_id: str, time: Micros) -> History:
        """A user's history strictly before `time`."""
        timeline = self._timelines.get(user_id)
        if timeline is None:
            timeline = self._timelines[user_id] = Timeline(self._records.get(user_id, ()))
        return timeline.before(time)

    def until(self, user_id: str, position: int) -> History:
        """A user's history up to and including a log offset."""
        return user_history.apply(NO_HISTORY, (r for r in self._records.get(user_id, ()) if r.offset <= position))


def _user_of(fact: Fact) -> str:
    if isinstance(fact, EventRecorded):
        return fact.event.user_id
    return fact.user_id if isinstance(fact, QueryEmbedded) else ""


def visible_times(facts: Sequence[Fact], counter_delay: Micros) -> I64:
    """When item state may know of each fact, shape (n,): what `Fact.visible_at` says, but for two imported kinds.

    A view that was stored after its clicks counts them anew (its late clicks), so it waits for the last of them. An
    item's vector says no more than its text: that of an imported text counts as landed with it, whenever the encoder
    ran.
    """
    texts: dict[tuple[Row, bytes], Micros] = {}
    times = np.empty(len(facts), np.int64)
    for i, fact in enumerate(facts):
        visible = fact.visible_at(counter_delay)
        if isinstance(fact, ItemUpserted) and fact.imported:
            texts.setdefault((fact.row, fact.content_hash), visible)
        elif isinstance(fact, VectorLanded):
            visible = texts.get((fact.row, fact.content_hash), visible)
        elif isinstance(fact, EventRecorded) and fact.imported and fact.late_clicks:
            visible = max(visible, *(at + counter_delay for _, at in fact.late_clicks))
        times[i] = visible
    return times


def replay_impressions(
    facts: Sequence[Fact],
    impressions: Sequence[Impression],
    counter_delay: Micros,
    space: str = "",
    scored: Scored = as_shown,
) -> Iterator[Raw]:
    """Raw columns of each impression (in order of horizon), with item counters `counter_delay` late.

    `facts` are in offset order. `scored` says what is gathered for an impression. ValueError if horizons go back.
    """
    state = State()
    histories = Histories(facts)
    visible = visible_times(facts, counter_delay)
    order = np.argsort(visible, kind="stable")  # by (visible, offset)
    ordered, visible = [facts[i] for i in order.tolist()], visible[order]
    folded, clock = 0, -FOREVER
    for impression in impressions:
        if impression.horizon < clock:
            raise ValueError("impressions must be sorted by horizon")
        clock = impression.horizon
        stop = int(np.searchsorted(visible, clock, side="left"))  # equal times are not yet visible
        apply(state, ordered[folded:stop])
        folded = max(folded, stop)
        _make_room(state, impression)
        own_until = impression.time if impression.own_known else clock
        user = profile(histories.before(impression.user_id, own_until), space)
        now = impression.time // SECOND * SECOND
        yield scored(state, user, impression, now, space)


def _make_room(state: State, impression: Impression) -> None:
    """Candidates shown before any visible record named them still need a row: unseen and unlisted, with the id that
    the impression gives.
    """
    state.catalog.ensure(max(impression.rows, default=-1))
    for row, item_id in zip(impression.rows, impression.item_ids, strict=False):
        state.catalog.name(row, item_id)
    state.items.resize(state.catalog.rows)


def replay_slates(facts: Sequence[Fact], slates: Sequence[log.Slate]) -> Iterator[tuple[log.Slate, Raw]]:
    """Raw columns of each slate's scored candidates from the positions it recorded, in order of state position.

    `facts` must reach back to the beginning of the log, in offset order.
    """
    state = State()
    histories = Histories(facts)
    folded = 0
    for slate in sorted(slates, key=lambda s: s.state_position):
        start = folded
        while folded < len(facts) and facts[folded].offset <= slate.state_position:
            folded += 1
        apply(state, facts[start:folded])
        user = profile(histories.until(slate.user_id, slate.history_position), slate.vector_space)
        context = Context(
            slate.context.language,
            slate.context.country,
            slate.context.region,
            slate.context.device,
            slate.context.session_id,
        )
        rows = np.array(slate.candidate_rows, np.int32)
        yield slate, gather(state, rows, user, context, slate.now_us, slate.vector_space)
