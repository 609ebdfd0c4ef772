"""The clicks retrieval is judged by, drawn from a stretch of the log.

Knows nothing of sources or of item state.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.records import EventRecorded, Fact
from feedrank.training.facts import Accounts
from feedrank.training.period import END
from feedrank.training.times import format_time
from feedrank.types import Action, Context, Micros, Row


@dataclass(frozen=True, slots=True)
class Moment:
    """The instant of a click: who clicked what, and the request that should have brought it."""

    user_id: str  # "" for an unknown user
    time: Micros
    row: Row
    context: Context


@dataclass(frozen=True, slots=True)
class Drawn:
    """Moments in time order, and how many clicks of the period they stand for."""

    moments: tuple[Moment, ...]
    clicks: int


def draw(facts: Sequence[Fact], start: Micros, until: Micros, sample: int, seed: int, answering: bool = False) -> Drawn:
    """At most `sample` clicks of [start, until): every m-th in time order from a seeded beginning.

    So each hour and day has its share, and the mean over the sample is the mean over the period. `answering` takes only
    clicks that answer a view. InvalidInput where there are none.
    """
    clicks = [
        fact
        for fact in facts
        if isinstance(fact, EventRecorded) and fact.action == Action.CLICK and start <= fact.time < until
        if fact.answers_view or not answering
    ]
    if not clicks:
        end = "the end" if until == END else format_time(until)
        raise InvalidInput(
            f"no {'click that answers a view' if answering else 'click'} lies between {format_time(start)} and {end}: "
            "choose a period the log covers"
        )
    clicks.sort(key=lambda fact: (fact.time, fact.offset))
    accounts = Accounts(facts)
    taken = _systematic(len(clicks), sample, seed)
    moments = tuple(
        Moment(
            fact.event.user_id,
            fact.time,
            fact.rows[0],
            accounts.context(fact.event.user_id, fact.time, fact.event.session_id),
        )
        for fact in (clicks[i] for i in taken)
    )
    return Drawn(moments, len(clicks))


def _systematic(count: int, sample: int, seed: int) -> list[int]:
    """Indices of a systematic sample (Cochran, Sampling Techniques, ch. 8)."""
    if count <= sample:
        return list(range(count))
    offset = np.random.default_rng(seed).random()
    taken = np.floor((np.arange(sample) + offset) * count / sample)
    return [int(i) for i in taken]
