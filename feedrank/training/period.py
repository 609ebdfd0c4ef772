"""A stretch of the log as examples: what training and evaluation read from a store, and how.

Knows nothing of models or of features.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from feedrank.errors import InvalidInput
from feedrank.records import EventRecorded, Fact, VectorLanded
from feedrank.store import LogStore
from feedrank.store.data_settings import load_data_settings
from feedrank.training.facts import Progress, no_progress, read_facts
from feedrank.training.impressions import Example, imported_examples, slate_examples
from feedrank.training.labels import Answers
from feedrank.training.times import format_time
from feedrank.types import Micros

AUTO_SPACE = "auto"
BEGINNING: Micros = 0
END: Micros = 2**62


class SlateRows(StrEnum):
    """Where the feature rows of served slates come from."""

    REPLAY = "replay"
    LOGGED = "logged"


@dataclass(frozen=True, slots=True)
class Period:
    """The log as far as it matters to a stretch of time, and the examples in that stretch."""

    facts: Sequence[Fact]
    examples: Sequence[Example]
    space: str  # the vector space to compare in, "" for none


def read_period(
    store: LogStore,
    start: Micros = BEGINNING,
    until: Micros = END,
    *,
    space: str = AUTO_SPACE,
    blind: bool = False,
    progress: Progress = no_progress,
) -> Period:
    """Reads the examples of [start, until) and the log they need.

    `space` names a vector space; "auto" takes the one most items have a vector in, "" none. `blind` leaves out events
    from `until` on, clicks in answer to earlier impressions included: what could be known at that instant. InvalidInput
    for an unknown space, an empty log, and a period without impressions, naming the period the log covers.
    """
    if start >= until:
        raise InvalidInput(
            f"the period from {format_time(start)} until {format_time(until)} is empty: swap the two times"
        )
    facts = read_facts(store, until if blind else None, progress)
    if not any(isinstance(fact, EventRecorded) for fact in facts):
        raise InvalidInput("the log holds no events of that time: import or record some first")
    answers = Answers(facts)
    examples = imported_examples(facts, answers, start, until)
    seen = load_data_settings(store).served_counts_as_seen
    examples += slate_examples(store.slates(start, until), answers, seen)
    if not examples:
        raise InvalidInput(_no_impressions(facts))
    return Period(facts, examples, choose_space(facts, space))


def choose_space(facts: Sequence[Fact], wanted: str) -> str:
    """The vector space to use. InvalidInput for one that no vector is of."""
    of = {(fact.space, fact.row) for fact in facts if isinstance(fact, VectorLanded)}
    landed = Counter(space for space, _ in of)  # items, not landings: a learned space lands anew every night
    if wanted == AUTO_SPACE:
        return max(sorted(landed), key=lambda space: landed[space], default="")
    if wanted and wanted not in landed:
        known = ", ".join(sorted(landed)) or "none"
        raise InvalidInput(f"no vector of space {wanted!r} is in the log; known spaces: {known}")
    return wanted


def _no_impressions(facts: Sequence[Fact]) -> str:
    everything = imported_examples(facts, Answers(()), BEGINNING, END)
    if not everything:
        return (
            "the log holds no impressions: neither imported views of at least two items with a request id, "
            "nor served slates of which a view was reported"
        )
    first, last = (format_time(everything[i].impression.time) for i in (0, -1))
    return f"the log has no impressions in that period; its {len(everything)} imported ones are from {first} to {last}"
