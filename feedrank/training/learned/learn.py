"""Learns item vectors from the log, night by night, and lands them in it.

The vectors of a night are fitted on item state as of that instant, the fold of what was visible strictly before, and
land as records of that instant: replay then lets no impression see vectors fitted on its own day. Knows nothing of
terminals or of how vectors are used.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.index.encoder import TEXT_SPACE
from feedrank.records import EventRecorded, Fact, VectorLanded
from feedrank.state import State, apply, decay
from feedrank.state.vectors import VectorTable
from feedrank.store import LogStore, NewVector
from feedrank.training.facts import read_facts
from feedrank.training.learned.alignment import aligned
from feedrank.training.learned.factors import FitSettings, ItemVectors, Pairs, fit
from feedrank.training.replay import visible_times
from feedrank.training.times import format_time
from feedrank.training.train import Watch, unwatched
from feedrank.types import Action, Micros

FAINT = 1e-3  # decayed joint reads below this say nothing any more: ten half-lives


@dataclass(frozen=True, slots=True)
class Lesson:
    """What to learn: up to which instant, and at which earlier ones."""

    space: str
    until: Micros | None  # None: just behind the last read
    every: Micros = 0  # also at each whole multiple of this before the end; 0: only at the end
    settings: FitSettings = field(default_factory=FitSettings)


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of one fit."""

    at: Micros
    items: int
    kept_axes: int  # items that had a vector before, by which the axes were kept


def learn(store: LogStore, lesson: Lesson, watch: Watch = unwatched) -> tuple[Landed, ...]:
    """Fits and lands every fit that is due, oldest first: those after the last one in the log. Calling it again lands
    nothing new.

    InvalidInput for a space that holds other vectors, and for a log without reads.
    """
    _check_name(lesson.space)
    facts = read_facts(store, lesson.until, watch("reading the log", store.position()))
    before = _before(facts, lesson.space)
    reads = [fact.time for fact in facts if isinstance(fact, EventRecorded) and fact.action == Action.CLICK]
    if not reads:
        when = "" if lesson.until is None else f" before {format_time(lesson.until)}"
        raise InvalidInput(f"the log holds no click{when}: there is nothing to learn from")
    end = max(reads) + 1 if lesson.until is None else lesson.until
    due = instants(min(reads), end, lesson.every, after=max((fact.time for fact in before), default=0))
    known = VectorTable(lesson.settings.dimensions)
    for fact in before:
        known.land(fact.row, fact.values)
    state, folded = State(), 0
    visible = visible_times(facts, 0)
    order = np.argsort(visible, kind="stable")
    ordered, visible = [facts[i] for i in order.tolist()], visible[order]
    fitting = watch("fitting", len(due))
    done = []
    for at in due:
        stop = int(np.searchsorted(visible, at, side="left"))  # strictly before
        apply(state, ordered[folded:stop])
        folded = stop
        done.append(_land(store, lesson, at, fit(pairs_of(state, at), lesson.settings), state, known))
        fitting(1)
    return tuple(done)


def instants(first: Micros, until: Micros, every: Micros, after: Micros) -> tuple[Micros, ...]:
    """When to fit: each multiple of `every` past the first read, then `until`; those later than `after` only."""
    regular = range(-(-(first + 1) // every) * every, until, every) if every else ()
    return tuple(at for at in (*regular, until) if at > after)


def pairs_of(state: State, at: Micros) -> Pairs:
    """What was read together, as of `at`: the table of co-engagement, decayed."""
    table = state.co_engaged
    arrays = table.to_arrays()
    weights = arrays["weights"] * decay.shrink(at, table.landmark, table.half_life)
    kept = weights > FAINT
    keys = arrays["keys"][kept]
    return Pairs((keys >> 32).astype(np.int32), (keys & 0xFFFFFFFF).astype(np.int32), weights[kept])


def learned_hash(space: str, at: Micros) -> bytes:
    """What stands for the content of a learned vector: 16 bytes of which fit it is of. No text has it."""
    return hashlib.blake2b(f"learned\0{space}\0{at}".encode(), digest_size=16).digest()


def _land(store: LogStore, lesson: Lesson, at: Micros, fitted: ItemVectors, state: State, known: VectorTable) -> Landed:
    earlier, has = known.gather(fitted.rows)
    turned = aligned(fitted, earlier, has)
    digest = learned_hash(lesson.space, at)
    ids = state.catalog.ids
    vectors = [
        NewVector(row, ids[row], digest, values, row)
        for row, values in zip(turned.rows.tolist(), turned.values, strict=True)
    ]
    store.land_learned(lesson.space, vectors, at)
    for vector in vectors:
        known.land(vector.row, vector.values)
    return Landed(at, len(vectors), int(has.sum()))


def _check_name(space: str) -> None:
    if not space or space.startswith(TEXT_SPACE):
        raise InvalidInput(
            f"--space {space!r}: learned vectors need a space of their own, such as 'reads'; {TEXT_SPACE!r} begins an "
            "encoder's"
        )


def _before(facts: Sequence[Fact], space: str) -> list[VectorLanded]:
    """Vectors of earlier fits, in log order. InvalidInput if any vector of the space is not of one."""
    found = [fact for fact in facts if isinstance(fact, VectorLanded) and fact.space == space]
    foreign = [fact for fact in found if fact.content_hash != learned_hash(space, fact.time)]
    if foreign:
        raise InvalidInput(
            f"space {space!r} holds vectors that were not learned from reads, of item {foreign[0].item_id!r} for one: "
            "choose another name"
        )
    return found
