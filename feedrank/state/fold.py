"""The fold: the only code that turns log records into item state. Live service, replay and training all run it.

The result does not depend on how records are batched, to the bit; folds over consecutive stretches of the log, or over
partitions of users, merge to the fold of the whole (to 1e-9 relative). It holds no per-user state: what an engagement
needs of its user was stored with it. Knows nothing of requests, features, files or clocks.
"""

import math
from collections.abc import Iterable

import numpy as np

from feedrank.records import EventRecorded, Fact, ItemDeleted, ItemUpserted, VectorLanded
from feedrank.state.catalog import Catalog, Vocabulary
from feedrank.state.counters import Count, DecayedCounters
from feedrank.state.pairs import PairTable
from feedrank.state.vectors import VectorTable
from feedrank.types import DAY, Action, Micros, Row

CO_HALF_LIFE = 3 * DAY  # what is read together changes with the news, within days
REGION_HALF_LIFE = 1 * DAY
KEEP_HALF_LIVES = 40  # 2^-40 is below the 1e-9 to which merged folds agree
MAX_DWELL_S = 600.0  # longer means a forgotten tab
FLUSH_AT = 65_536  # gathered amounts: enough to spread NumPy's overhead, and a bound on memory

_LIKES = {Action.LIKE: 1.0, Action.SAVE: 1.0, Action.SHARE: 1.0, Action.UNLIKE: -1.0, Action.UNSAVE: -1.0}
_HIDES = {Action.HIDE: 1.0, Action.UNHIDE: -1.0}
PRIORS = ("category", "subcategory")  # coded columns whose counters smooth the items' own


class State:
    """Item state as of a log position. Mutable: `apply` writes it, under the caller's lock."""

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

    def tables(self) -> tuple[DecayedCounters, ...]:
        """Every counter table, which all move their landmarks together."""
        return (self.items, *self.priors.values(), self.overall)


class _Pairs:
    """Pairs to be added to a table, in record order."""

    def __init__(self) -> None:
        self.firsts: list[int] = []
        self.seconds: list[int] = []
        self.times: list[Micros] = []

    def put(self, first: int, second: int, time: Micros) -> None:
        self.firsts.append(first)
        self.seconds.append(second)
        self.times.append(time)


class _Additions:
    """What one batch adds to counters and pair tables, in record order."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.kinds: list[int] = []
        self.amounts: list[float] = []
        self.times: list[Micros] = []
        self.co_engaged = _Pairs()
        self.regional = _Pairs()

    def put(self, row: Row, kind: Count, amount: float, time: Micros) -> None:
        self.rows.append(row)
        self.kinds.append(kind)
        self.amounts.append(amount)
        self.times.append(time)


def apply(state: State, facts: Iterable[Fact]) -> None:
    """Folds facts, in the given order, into `state`. Kinds that say nothing of items only move the position."""
    additions = _Additions()
    for fact in facts:
        if isinstance(fact, EventRecorded):
            _event(state, fact, additions)
            if len(additions.rows) >= FLUSH_AT:
                additions = _flush(state, additions)
        elif isinstance(fact, ItemUpserted):
            additions = _flush(state, additions)
            _upsert(state, fact)
        elif isinstance(fact, ItemDeleted):
            _see(state, fact.row, fact.item_id, fact.time)
            state.catalog.delete(fact.row, fact.offset)
        elif isinstance(fact, VectorLanded):
            _land(state, fact)
        state.position = max(state.position, fact.offset)
    _flush(state, additions)
    state.items.resize(state.catalog.rows)


def _see(state: State, row: Row, item_id: str, time: Micros) -> None:
    state.catalog.ensure(row)
    state.catalog.name(row, item_id)
    state.catalog.seen(row, time)


def _event(state: State, fact: EventRecorded, additions: _Additions) -> None:
    action, time, rows = fact.action, fact.time, fact.rows
    if not rows:
        return
    ids = fact.event.item_ids or (fact.event.item_id,)
    for row, item_id in zip(rows, ids, strict=True):
        _see(state, row, item_id, time)
    if action == Action.VIEW:
        for row in rows:
            additions.put(row, Count.VIEWS, 1.0, time)
        for row, clicked_at in fact.late_clicks:
            additions.put(row, Count.READS, -1.0, clicked_at)
            additions.put(row, Count.CLICKS, 1.0, clicked_at)
        return
    row = rows[0]
    if action == Action.CLICK:
        _click(state, fact, row, additions)
        additions.put(row, Count.CLICKS if fact.answers_view else Count.READS, 1.0, time)
    elif action == Action.DWELL and not math.isnan(fact.value):
        additions.put(row, Count.DWELLS, 1.0, time)
        additions.put(row, Count.DWELL_S, min(fact.value, MAX_DWELL_S), time)
    elif action in _LIKES:
        additions.put(row, Count.LIKES, _LIKES[action], time)
    elif action in _HIDES:
        additions.put(row, Count.HIDES, _HIDES[action], time)


def _click(state: State, fact: EventRecorded, row: Row, additions: _Additions) -> None:
    columns, time = state.catalog.columns, fact.time
    columns["last_click"][row] = max(int(columns["last_click"][row]), time)
    for other in fact.previous:
        additions.co_engaged.put(row, other, time)
        additions.co_engaged.put(other, row, time)
    if fact.region:
        additions.regional.put(state.region_names.code(fact.region), row, time)


def _flush(state: State, additions: _Additions) -> _Additions:
    """Adds what has gathered, counters under the categories in force now. Returns an empty batch."""
    if not additions.rows:
        return additions
    for table, pairs in ((state.co_engaged, additions.co_engaged), (state.regional, additions.regional)):
        table.add(pairs.firsts, pairs.seconds, pairs.times)
    rows = np.array(additions.rows, np.int32)
    kinds = np.array(additions.kinds, np.int32)
    amounts = np.array(additions.amounts)
    times = np.array(additions.times, np.int64)
    newest = int(times.max())
    for counters in state.tables():
        counters.advance(newest)
    growths = state.items.growths(times)
    state.items.resize(state.catalog.rows)
    state.items.add(rows, kinds, amounts, growths)
    for name, prior in state.priors.items():
        prior.resize(len(state.catalog.vocabularies[name]))
        prior.add(state.catalog.columns[name][rows], kinds, amounts, growths)
    state.overall.add(np.zeros_like(rows), kinds, amounts, growths)
    return _Additions()


def _upsert(state: State, fact: ItemUpserted) -> None:
    catalog = state.catalog
    _see(state, fact.row, fact.item.item_id, fact.time)
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
    _see(state, fact.row, fact.item_id, fact.time)
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
