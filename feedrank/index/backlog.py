"""What is still to be embedded in one space, folded from the log.

Items wait in log order. What has just arrived in small numbers is taken first, turn and turn about with the rest, so
that a new article does not wait for an import. Knows nothing of encoders or of where records come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from feedrank.content import from_timestamp
from feedrank.index.encoder import TEXT_SPACE, document
from feedrank.index.stories import StoryBook
from feedrank.records import ItemDeleted, ItemUpserted, Kind, QueryEmbedded, Record, VectorLanded, decode
from feedrank.types import Micros, Row
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import log_pb2 as log

FRESH_AT_MOST = 64  # arrivals beyond one batch are an import, and wait their turn

_SEARCH = -1  # stands where an item's row would


@dataclass(frozen=True, slots=True)
class _Content:
    offset: int  # of the upsert
    hash: bytes


class Backlog:
    """Offsets of upserts and searches without a vector. `apply` follows the log; `take` hands out the next batch."""

    def __init__(self, space: str, stories: StoryBook) -> None:
        self.space = space
        self.stories = stories
        self.position = 0
        self._fresh: dict[int, Row] = {}  # offset -> row, or _SEARCH; in order of arrival
        self._waiting: dict[int, Row] = {}
        self._fresh_was_last = False
        self._due: dict[Row, _Content] = {}
        self._landed: dict[Row, bytes] = {}  # content hash of the vector in force
        self._published = np.zeros(0, np.int64)  # by row; 0 where unknown

    def __len__(self) -> int:
        """How many vectors are still to be made."""
        return len(self._fresh) + len(self._waiting)

    def apply(self, records: Sequence[Record]) -> None:
        """Folds the next stretch of the log."""
        for record in records:
            if record.kind == Kind.EVENT:
                self._apply_event(record)
            elif record.kind in _FOLLOWED:
                fact = decode(record)
                if isinstance(fact, ItemUpserted):
                    self._apply_upsert(fact)
                elif isinstance(fact, ItemDeleted):
                    self._forget(fact.row)
                elif isinstance(fact, VectorLanded):
                    self._apply_landing(fact)
                elif isinstance(fact, QueryEmbedded) and fact.space == self.space:
                    self._done(fact.search_offset)
            self.position = record.offset
        if len(self._fresh) > FRESH_AT_MOST:
            self._waiting |= self._fresh
            self._fresh = {}

    def take(self, limit: int) -> list[int]:
        """Offsets of the records to embed next: what is fresh, or up to `limit` of what waits. They count as done."""
        fresh = bool(self._fresh) and not (self._fresh_was_last and self._waiting)
        self._fresh_was_last = fresh
        lane = self._fresh if fresh else self._waiting
        taken = list(islice(lane, FRESH_AT_MOST if fresh else limit))
        for offset in taken:
            self._due.pop(lane.pop(offset), None)
        return taken

    def published_at(self, row: Row) -> Micros:
        """When an item was published; 0 if its publisher has not said."""
        return int(self._published[row]) if row < len(self._published) else 0

    def _apply_event(self, record: Record) -> None:
        event = log.EventRecorded.FromString(record.payload).event  # cheaper than decode, which nearly all need not
        if event.action == pb.ACTION_SEARCH and event.user_id and event.query.strip():
            self._fresh[record.offset] = _SEARCH

    def _apply_upsert(self, fact: ItemUpserted) -> None:
        self._forget(fact.row)
        if fact.row >= len(self._published):
            more = max(fact.row + 1, 2 * len(self._published)) - len(self._published)
            self._published = np.concatenate([self._published, np.zeros(more, np.int64)])
        self._published[fact.row] = from_timestamp(fact.item.published_at)
        if self._landed.get(fact.row) != fact.content_hash and document(fact.item.title, fact.item.body):
            self._due[fact.row] = _Content(fact.offset, fact.content_hash)
            self._fresh[fact.offset] = fact.row

    def _apply_landing(self, fact: VectorLanded) -> None:
        # A caller's own vector says nothing of the story: it names the item's own row for want of a better.
        if fact.story_row != fact.row or fact.space.startswith(TEXT_SPACE):
            self.stories.settle(fact.row, fact.story_row, self.published_at(fact.row) or fact.time)
        if fact.space == self.space:
            self.stories.hold(fact.row, fact.values)
            self._landed[fact.row] = fact.content_hash
            due = self._due.get(fact.row)
            if due is not None and due.hash == fact.content_hash:
                self._forget(fact.row)

    def _forget(self, row: Row) -> None:
        due = self._due.pop(row, None)
        if due is not None:
            self._done(due.offset)

    def _done(self, offset: int) -> None:
        self._fresh.pop(offset, None)
        self._waiting.pop(offset, None)


_FOLLOWED = frozenset({Kind.ITEM_UPSERTED, Kind.ITEM_DELETED, Kind.VECTOR_LANDED, Kind.QUERY_EMBEDDED})
