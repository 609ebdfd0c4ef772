"""A small world made of log facts, folded by the real fold, for tests of pipeline stages."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from feedrank.features import Raw, gather
from feedrank.history import NO_HISTORY, Profile, profile
from feedrank.history import apply as apply_history
from feedrank.pipeline.stages import Candidates, Query, Reader
from feedrank.records import EventRecorded, Fact, ItemUpserted, VectorLanded
from feedrank.state import State, apply
from feedrank.types import F32, HOUR, SECOND, Action, Context, Micros
from feedrank.user_records import UserRecord, user_record
from feedrank.v1 import feedrank_pb2 as pb

NOW: Micros = 1_700_000_000 * SECOND
SPACE = "test"


@dataclass
class World:
    """Items and events, one record after another."""

    state: State = field(default_factory=State)
    lock: threading.Lock = field(default_factory=threading.Lock)
    records: list[UserRecord] = field(default_factory=list)
    offset: int = 0

    def _next(self) -> int:
        self.offset += 1
        return self.offset

    def _fold(self, fact: Fact) -> None:
        apply(self.state, [fact])
        record = user_record(fact)
        if record is not None:
            self.records.append(record)

    def item(
        self,
        item_id: str,
        *,
        age_hours: float = 1.0,
        category: str = "",
        source: str = "",
        author: str = "",
        language: str = "",
        regions: Sequence[str] = (),
        expires_in_hours: float | None = None,
        vector: F32 | None = None,
        story_of: str | None = None,
    ) -> int:
        """Upserts an item and returns its row."""
        row = self.state.catalog.row_of.get(item_id, self.state.catalog.rows)
        published = NOW - int(age_hours * HOUR)
        item = pb.Item(
            item_id=item_id,
            title=f"Title of {item_id}",
            category=category,
            source=source,
            author=author,
            language=language,
            regions=regions,
        )
        item.published_at.FromMicroseconds(published)
        if expires_in_hours is not None:
            item.expires_at.FromMicroseconds(NOW + int(expires_in_hours * HOUR))
        self._fold(ItemUpserted(self._next(), min(published, NOW), NOW, False, row, item, b""))
        if vector is not None:
            story = row if story_of is None else self.state.catalog.row_of[story_of]
            self._fold(VectorLanded(self._next(), NOW, NOW, False, row, item_id, SPACE, b"", vector, story))
        return row

    def event(
        self,
        action: Action,
        item_id: str = "",
        *,
        hours_ago: float = 1.0,
        target: str = "",
        previous: Sequence[str] = (),
        region: str = "",
        answers_view: bool = False,
        mine: bool = True,
    ) -> None:
        """Something a user did; `mine` says whether it is of the one user whose profile is asked for."""
        time = NOW - int(hours_ago * HOUR)
        row_of = self.state.catalog.row_of
        rows = (row_of[item_id],) if item_id else ()
        event = pb.Event(event_id=str(self.offset), item_id=item_id, action=int(action), target=target)  # type: ignore[arg-type]
        fact = EventRecorded(
            self._next(),
            time,
            time,
            False,
            action,
            rows,
            tuple(row_of[p] for p in previous),
            float("nan"),
            answers_view,
            (),
            region,
            event,
        )
        apply(self.state, [fact])
        record = user_record(fact)
        if mine and record is not None:
            self.records.append(record)

    def profile(self) -> Profile:
        return profile(apply_history(NO_HISTORY, self.records), SPACE)

    def reader(self, interests: F32 | None = None) -> Reader:
        return Reader(self.profile(), np.empty((0, 0), np.float32) if interests is None else interests, self.offset)

    def rows(self, *item_ids: str) -> list[int]:
        return [self.state.catalog.row_of[item_id] for item_id in item_ids]

    def raw(self, *item_ids: str, context: Context | None = None) -> Raw:
        rows = np.array(self.rows(*item_ids), np.int32)
        return gather(self.state, rows, self.profile(), context or Context(), NOW, SPACE)

    def candidates(self, *item_ids: str, sources: tuple[str, ...] = ("fresh",)) -> Candidates:
        rows = np.array(self.rows(*item_ids), np.int32)
        ranks = np.tile(np.arange(len(rows), dtype=np.int32)[:, None], (1, len(sources)))
        return Candidates(rows, ranks, sources)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ask() -> Callable[..., Query]:
    """A query with defaults."""

    def ask(**changes: object) -> Query:
        defaults: dict[str, object] = {"request_id": "r", "user_id": "u", "limit": 20, "now": NOW, "seed": 1}
        return Query(**{**defaults, **changes})  # type: ignore[arg-type]

    return ask
