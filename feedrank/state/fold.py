"""The fold: the only code that turns log records into item state. Live service, replay and training all run it.

The result does not depend on how records are batched, to the bit; folds over consecutive stretches of the log, or over
partitions of users, merge to the fold of the whole (to 1e-9 relative). It holds no per-user state: what an engagement
needs of its user was stored with it. Knows nothing of requests, features, files or clocks.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from feedrank.records import EventRecorded, Fact, ItemDeleted, ItemUpserted, VectorLanded
from feedrank.state import decay
from feedrank.state.catalog import NEVER, Catalog, Vocabulary
from feedrank.state.counters import HALF_LIVES, Count, DecayedCounters
from feedrank.state.pairs import UNLOCKED, Lock, PairTable
from feedrank.state.vectors import VectorTable
from feedrank.types import DAY, F64, I32, I64, Action, Micros, Row

CO_HALF_LIFE = 3 * DAY  # what is read together changes with the news, within days
REGION_HALF_LIFE = 1 * DAY
KEEP_HALF_LIVES = 40  # 2^-40 is below the 1e-9 to which merged folds agree
MAX_DWELL_S = 600.0  # longer means a forgotten tab
FEW = 64  # rows of which all counters are read sooner than two alone
FLUSH_AT = 65_536  # gathered amounts: enough to spread NumPy's overhead, and a bound on memory

_LIKES = {Action.LIKE: 1.0, Action.SAVE: 1.0, Action.SHARE: 1.0, Action.UNLIKE: -1.0, Action.UNSAVE: -1.0}
_HIDES = {Action.HIDE: 1.0, Action.UNHIDE: -1.0}
_CO, _REGION = len(HALF_LIVES), len(HALF_LIVES) + 1  # columns of growths behind those of counters
PRIORS = ("category", "subcategory")  # coded columns whose counters smooth the items' own


class State:
    """Item state as of a log position. Mutable: one thread calls `apply`, which writes it."""

    def __init__(self) -> None:
        self.position = 0  # offset of the last record applied
        self.catalog = Catalog()
        self.items = DecayedCounters()
        self.priors = {name: DecayedCounters() for name in PRIORS}
        self.overall = DecayedCounters()  # one row: everything
        self.overall.resize(1)
        self.co_engaged = PairTable(CO_HALF_LIFE, KEEP_HALF_LIVES * CO_HALF_LIFE)
        # (region, item): clicks and reads
        self.regional = PairTable(REGION_HALF_LIFE, KEEP_HALF_LIVES * REGION_HALF_LIFE)
        self.region_names = Vocabulary()
        self.vectors: dict[str, VectorTable] = {}  # by space

    def engagements(self, rows: I32, now: Micros) -> F64:
        """Decayed clicks and reads of items over the longest half-life, (n,)."""
        longest = len(self.items.half_lives) - 1
        if len(rows) <= FEW:
            counts = self.items.read(rows, now)
            return counts[:, Count.CLICKS, longest] + counts[:, Count.READS, longest]
        clicks = self.items.column(rows, Count.CLICKS, longest, now)
        return clicks + self.items.column(rows, Count.READS, longest, now)

    def tables(self) -> tuple[DecayedCounters, ...]:
        """Every counter table, which all move their landmarks together."""
        return (self.items, *self.priors.values(), self.overall)


class _Pairs:
    """Pairs to be added to a table, in record order. `at` is a place among the batch's moments."""

    def __init__(self) -> None:
        self.firsts: list[int] = []
        self.seconds: list[int] = []
        self.at: list[int] = []

    def put(self, first: int, second: int, at: int) -> None:
        self.firsts.append(first)
        self.seconds.append(second)
        self.at.append(at)

    def add_to(self, table: PairTable, moments: I64, growths: F64) -> None:
        if self.at:
            firsts, seconds = np.array(self.firsts, np.int32), np.array(self.seconds, np.int32)
            table.add(firsts, seconds, moments[self.at], growths[self.at])


class _Batch:
    """What a stretch of events adds to item state, in record order: gathered first, added all at once.

    Whatever has a time says where it stands among `moments`, so that decay is worked out once for each.
    """

    def __init__(self) -> None:
        self.position = 0  # offset of the last fact gathered
        self.moments: list[Micros] = []
        self.events: list[EventRecorded] = []  # those that name items
        self.rows: list[Row] = []  # named by events, one after another
        self.rows_at: list[int] = []
        self.counted: list[Row] = []
        self.kinds: list[int] = []
        self.amounts: list[float] = []
        self.counted_at: list[int] = []
        self.clicked: list[Row] = []
        self.clicked_at: list[int] = []
        self.co_engaged = _Pairs()
        self.region_of: list[str] = []
        self.regional = _Pairs()  # its firsts are known once the regions have codes

    def moment(self, time: Micros) -> int:
        """Where this time stands among the moments."""
        self.moments.append(time)
        return len(self.moments) - 1

    def count(self, row: Row, kind: Count, amount: float, at: int) -> None:
        self.counted.append(row)
        self.kinds.append(kind)
        self.amounts.append(amount)
        self.counted_at.append(at)


def apply(state: State, facts: Iterable[Fact], lock: Lock = UNLOCKED) -> None:
    """Folds facts, in the given order, into `state`. Kinds that say nothing of items only move the position.

    `lock` is what readers of `state` hold: it is taken while something is written, after all that can be worked out
    beforehand. Between two holds of it, state is whole as of its position.
    """
    batch = _Batch()
    for fact in facts:
        if isinstance(fact, EventRecorded):
            _gather(fact, batch)
            if len(batch.counted) >= FLUSH_AT:
                batch = _flush(state, batch, lock)
        elif isinstance(fact, ItemUpserted | ItemDeleted | VectorLanded):
            batch = _flush(state, batch, lock)  # counted under the categories in force until now
            with lock:
                _item(state, fact)
                state.position = max(state.position, fact.offset)
        batch.position = max(batch.position, fact.offset)
    _flush(state, batch, lock)


def _gather(fact: EventRecorded, batch: _Batch) -> None:
    """Notes what one event adds."""
    action, rows = fact.action, fact.rows
    if not rows:
        return
    at = batch.moment(fact.time)
    batch.events.append(fact)
    batch.rows += rows
    batch.rows_at += [at] * len(rows)
    row = rows[0]
    if action == Action.VIEW:
        batch.counted += rows
        batch.kinds += [Count.VIEWS] * len(rows)
        batch.amounts += [1.0] * len(rows)
        batch.counted_at += [at] * len(rows)
        for late_row, clicked_at in fact.late_clicks:
            late = batch.moment(clicked_at)
            batch.count(late_row, Count.READS, -1.0, late)
            batch.count(late_row, Count.CLICKS, 1.0, late)
    elif action == Action.CLICK:
        batch.clicked.append(row)
        batch.clicked_at.append(at)
        for other in fact.previous:
            batch.co_engaged.put(row, other, at)
            batch.co_engaged.put(other, row, at)
        if fact.region:
            batch.region_of.append(fact.region)
            batch.regional.seconds.append(row)
            batch.regional.at.append(at)
        batch.count(row, Count.CLICKS if fact.answers_view else Count.READS, 1.0, at)
    elif action == Action.DWELL and not math.isnan(fact.value):
        batch.count(row, Count.DWELLS, 1.0, at)
        batch.count(row, Count.DWELL_S, min(fact.value, MAX_DWELL_S), at)
    elif action in _LIKES:
        batch.count(row, Count.LIKES, _LIKES[action], at)
    elif action in _HIDES:
        batch.count(row, Count.HIDES, _HIDES[action], at)


def _flush(state: State, batch: _Batch, lock: Lock) -> _Batch:
    """Adds what has gathered. Returns an empty batch."""
    if batch.position <= state.position and not batch.events:
        return batch
    state.co_engaged.settle(lock)
    state.regional.settle(lock)
    moments = np.array(batch.moments, np.int64)
    rows, seen_at = np.array(batch.rows, np.int32), moments[batch.rows_at]
    counted, kinds = np.array(batch.counted, np.int32), np.array(batch.kinds, np.int32)
    with lock:
        if len(rows):
            _see(state, batch, rows, seen_at)
            growths = _growths(state, batch.moments)
            np.maximum.at(state.catalog.columns["last_click"], batch.clicked, moments[batch.clicked_at])
            batch.regional.firsts = [state.region_names.code(region) for region in batch.region_of]
            batch.co_engaged.add_to(state.co_engaged, moments, growths[:, _CO])
            batch.regional.add_to(state.regional, moments, growths[:, _REGION])
            if len(counted):
                _count(state, counted, kinds, np.array(batch.amounts)[:, None] * growths[batch.counted_at, :_CO])
        state.items.resize(state.catalog.rows)
        state.position = max(state.position, batch.position)
    return _Batch()


def _see(state: State, batch: _Batch, rows: I32, times: I64) -> None:
    """Notes the items that events name, (r,), and when. Only new ones are looked at one by one."""
    catalog = state.catalog
    catalog.ensure(int(rows.max()))
    new = np.flatnonzero(catalog.columns["first_seen"][rows] == NEVER)
    if len(new):
        ends = np.cumsum([len(fact.rows) for fact in batch.events])
        for place, which in zip(new.tolist(), np.searchsorted(ends, new, "right").tolist(), strict=True):
            event = batch.events[which].event
            catalog.name(int(rows[place]), (event.item_ids or (event.item_id,))[place - int(ends[which])])
    catalog.seen(rows, times)


def _growths(state: State, moments: Sequence[Micros]) -> F64:
    """Forward weights of moments for every half-life there is: those of counters, `_CO` and `_REGION`."""
    newest = max(moments)
    for counters in state.tables():
        counters.advance(newest)
    for pairs in (state.co_engaged, state.regional):
        pairs.advance(newest)
    landmarks = (*state.items.landmarks, state.co_engaged.landmark, state.regional.landmark)  # the same in all counters
    return decay.growths(moments, landmarks, (*state.items.half_lives, CO_HALF_LIFE, REGION_HALF_LIFE))


def _count(state: State, rows: I32, kinds: I32, weights: F64) -> None:
    """Adds weights (n, half-lives) to every counter table, under the categories in force."""
    state.items.resize(state.catalog.rows)
    state.items.add(rows, kinds, weights)
    for name, prior in state.priors.items():
        prior.resize(len(state.catalog.vocabularies[name]))
        prior.add(state.catalog.columns[name][rows], kinds, weights)
    state.overall.add(np.zeros_like(rows), kinds, weights)


def _item(state: State, fact: ItemUpserted | ItemDeleted | VectorLanded) -> None:
    catalog, row = state.catalog, fact.row
    item_id = fact.item.item_id if isinstance(fact, ItemUpserted) else fact.item_id
    catalog.ensure(row)
    catalog.name(row, item_id)
    catalog.seen(np.array([row], np.int32), np.array([fact.time], np.int64))
    if isinstance(fact, ItemUpserted):
        _upsert(state, fact)
    elif isinstance(fact, ItemDeleted):
        catalog.delete(row, fact.offset)
    else:
        _land(state, fact)
    state.items.resize(catalog.rows)


def _upsert(state: State, fact: ItemUpserted) -> None:
    catalog = state.catalog
    before = {name: int(catalog.columns[name][fact.row]) for name in PRIORS}
    catalog.upsert(fact.row, fact.item, fact.offset)
    state.items.resize(catalog.rows)
    for name, table in state.priors.items():
        after = int(catalog.columns[name][fact.row])
        table.resize(len(catalog.vocabularies[name]))
        if after != before[name]:  # what was counted under the old category moves to the new one
            table.sums[before[name]] -= state.items.sums[fact.row]
            table.sums[after] += state.items.sums[fact.row]


def _land(state: State, fact: VectorLanded) -> None:
    table = state.vectors.get(fact.space)
    if table is None:
        table = state.vectors[fact.space] = VectorTable(len(fact.values))
    table.land(fact.row, fact.values)
    state.catalog.ensure(fact.story_row)
    if state.catalog.columns["story"][fact.row] == fact.row:  # fixed once
        state.catalog.columns["story"][fact.row] = fact.story_row


def merge(state: State, later: State) -> State:
    """Adds another fold to `state`, in place, and returns it; `later` is used up.

    `later` may cover the following stretch of the log, or other users; facts about items may be in both.
    """
    state.position = max(state.position, later.position)
    state.catalog.merge(later.catalog)
    state.items.resize(state.catalog.rows)
    state.items.merge(later.items)
    state.overall.merge(later.overall)
    for name, table in state.priors.items():
        table.align(state.items)
        table.resize(len(state.catalog.vocabularies[name]))
        table.sums[:] = 0.0
        codes = state.catalog.column(name)
        np.add.at(table.sums, codes, state.items.sums[: state.catalog.rows])
    state.co_engaged.merge(later.co_engaged)
    regions = state.region_names.mapping_from(later.region_names)
    later.regional.relabel(regions)
    state.regional.merge(later.regional)
    for space, vectors in later.vectors.items():
        mine = state.vectors.get(space)
        if mine is None:
            state.vectors[space] = vectors
        else:
            mine.merge(vectors)
    return state
