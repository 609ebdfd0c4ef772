"""Impressions with what became of them: out of imported views of whole slates, or out of the slates that were served.

Knows nothing of features, models or splits.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from feedrank.errors import StoreError
from feedrank.records import EventRecorded, Fact
from feedrank.store import StoredSlate
from feedrank.training.facts import Accounts
from feedrank.training.labels import CLICKED, Answers, Grade
from feedrank.training.replay import Impression
from feedrank.types import I32, Action, Bools, Context, Micros
from feedrank.v1 import log_pb2 as log

MIN_ITEMS = 2  # a single item has no order

Labels = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Example:
    """A past request: `impression.rows` is everything that was scored, `kept` the part whose rows are examples."""

    impression: Impression
    kept: I32  # (k,) indices into impression.rows
    labels: Labels  # (k,) 1 for a click
    seen: Bools  # (k,) False for candidates that were sampled from the unshown: negatives to train on, not to judge by
    grades: Labels  # (k,) Grade
    slate: log.Slate | None = None  # as served; None for an imported impression
    places: I32 | None = None  # (k,) in the slate, 1 at the top, 0 for what was not shown; None where not known


def imported_examples(facts: Sequence[Fact], answers: Answers, start: Micros, until: Micros) -> list[Example]:
    """One example for each imported VIEW of at least two items with a request id in [start, until), in time order.

    What a live client reports as seen is no example by itself: the slate it answers is (`slate_examples`).
    """
    accounts = Accounts(facts)
    found = [
        fact
        for fact in facts
        if isinstance(fact, EventRecorded) and fact.action == Action.VIEW and fact.imported
        if start <= fact.time < until and fact.event.request_id
    ]
    found.sort(key=lambda fact: (fact.time, fact.offset))
    examples = []
    for fact in found:
        event = fact.event
        shown = dict(zip(fact.rows, event.item_ids, strict=True))  # an item shown twice is one candidate
        rows = tuple(shown)
        if len(rows) < MIN_ITEMS:
            continue
        clicked = answers.clicked(event.user_id, event.request_id)
        context = accounts.context(event.user_id, fact.time, event.session_id)
        impression = Impression(event.request_id, event.user_id, fact.time, rows, context, tuple(shown.values()))
        labels = np.array([CLICKED if row in clicked else 0 for row in rows], np.int8)
        grades = np.array(answers.grades(event.user_id, fact.time, rows, clicked), np.int8)
        everything = np.arange(len(rows), dtype=np.int32)
        examples.append(Example(impression, everything, labels, np.ones(len(rows), np.bool_), grades))
    return examples


def slate_examples(slates: Iterable[StoredSlate], answers: Answers, served_counts_as_seen: bool) -> Iterator[Example]:
    """One example for each slate of which something was seen, in the order given.

    Kept are the shown items that were seen (viewed or clicked; all of them where served counts as seen) and the sampled
    unshown ones, unseen. StoreError for a body that does not parse.
    """
    for stored in slates:
        try:
            slate = log.Slate.FromString(stored.body)
        except DecodeError as error:
            raise StoreError(f"slate {stored.request_id!r} does not parse: the data directory is damaged") from error
        candidates = slate.candidate_rows
        shown = {candidates[i]: i for i in slate.shown}
        place_of = {i: place for place, i in enumerate(slate.shown, 1)}
        clicked = answers.clicked(stored.user_id, stored.request_id)
        viewed = answers.viewed(stored.user_id, stored.request_id)
        seen = [i for row, i in shown.items() if served_counts_as_seen or row in viewed or row in clicked]
        if not seen:
            continue
        kept = np.array([*seen, *slate.sampled], np.int32)
        labels = np.array([CLICKED if candidates[i] in clicked else 0 for i in kept.tolist()], np.int8)
        graded = answers.grades(stored.user_id, slate.now_us, [candidates[i] for i in seen], clicked)
        grades = np.array([*graded, *(Grade.SEEN for _ in slate.sampled)], np.int8)
        places = np.array([*(place_of[i] for i in seen), *(0 for _ in slate.sampled)], np.int32)
        yield Example(_impression(slate, stored), kept, labels, np.arange(len(kept)) < len(seen), grades, slate, places)


def _impression(slate: log.Slate, stored: StoredSlate) -> Impression:
    asked = slate.context
    context = Context(asked.language, asked.country, asked.region, asked.device, asked.session_id)
    return Impression(stored.request_id, stored.user_id, slate.now_us, tuple(slate.candidate_rows), context)
