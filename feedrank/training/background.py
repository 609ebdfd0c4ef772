"""What the log tells of items and people besides what they did: the words that groups are made of.

For tables and audits of a period that is over: a later correction of an item or an account counts for the whole of it.
Knows nothing of groups or of models.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from feedrank.records import EventRecorded, Fact, ItemUpserted, UserUpserted
from feedrank.training.impressions import Example
from feedrank.types import I64, AnyArray, Context, Micros

UNKNOWN = "unknown"  # how a group of what the log does not tell is called
NEVER: Micros = 2**62  # first_seen of a row no fact named


@dataclass(frozen=True, slots=True)
class Background:
    """Words of items by catalog row, "" where unknown, and of users by id."""

    categories: AnyArray  # (rows,) str objects
    sources: AnyArray  # (rows,) str objects
    regions: AnyArray  # (rows,) str objects: where an item may be shown, sorted and '|'-joined
    sentiments: AnyArray  # (rows,) str objects: the attribute "sentiment" or "sentiment_label", a number or a word
    published_at: I64  # (rows,) microseconds, 0 where unknown
    first_seen: I64  # (rows,) when the log first named the item
    joined: Mapping[str, Micros] = field(default_factory=dict)  # when the log first heard of each user
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    contexts: Mapping[tuple[str, str], Context] = field(default_factory=dict)  # by (user id, request id)

    def born(self) -> I64:
        """When each item came out: its publication, or its first sight in the log, (rows,) microseconds."""
        return np.where(self.published_at > 0, self.published_at, self.first_seen)


def read_background(facts: Sequence[Fact], examples: Sequence[Example] = ()) -> Background:
    """The background of a log; `examples` lend the contexts of their requests."""
    rows = max((max(fact.rows, default=-1) for fact in facts if isinstance(fact, EventRecorded)), default=-1)
    rows = max([rows, *(fact.row for fact in facts if isinstance(fact, ItemUpserted))]) + 1
    rows = max([rows, *(max(e.impression.rows, default=-1) + 1 for e in examples)])
    words = {name: np.full(rows, "", object) for name in ("category", "source", "regions", "sentiment")}
    published_at, first_seen = np.zeros(rows, np.int64), np.full(rows, NEVER)
    joined: dict[str, Micros] = {}
    attributes: dict[str, dict[str, str]] = {}
    for fact in facts:
        if isinstance(fact, EventRecorded):
            for row in fact.rows:
                first_seen[row] = min(first_seen[row], fact.time)
            user_id = fact.event.user_id
            if user_id:
                joined[user_id] = min(joined.get(user_id, fact.time), fact.time)
        elif isinstance(fact, ItemUpserted):
            item = fact.item
            words["category"][fact.row], words["source"][fact.row] = item.category, item.source
            words["regions"][fact.row] = "|".join(sorted(set(item.regions)))
            words["sentiment"][fact.row] = item.attributes.get("sentiment") or item.attributes.get(
                "sentiment_label", ""
            )
            first_seen[fact.row] = min(first_seen[fact.row], fact.time)
            if item.HasField("published_at"):
                published_at[fact.row] = item.published_at.ToMicroseconds()
        elif isinstance(fact, UserUpserted):
            attributes.setdefault(fact.user.user_id, {}).update(fact.user.attributes)
    contexts = {(e.impression.user_id, e.impression.request_id): e.impression.context for e in examples}
    return Background(
        words["category"],
        words["source"],
        words["regions"],
        words["sentiment"],
        published_at,
        first_seen,
        joined,
        attributes,
        contexts,
    )
