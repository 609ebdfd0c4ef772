"""One batch from text to landed vectors: items with their stories, and searches.

A text that was embedded before is not encoded again: its stored vector lands. Knows nothing of queues, processes or
models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from feedrank.index.backlog import Backlog
from feedrank.index.encoder import Encoder, document
from feedrank.records import EventRecorded, ItemUpserted, Record, decode
from feedrank.store.protocol import LogStore, NewVector
from feedrank.types import F32, Micros, UserId


@dataclass(frozen=True, slots=True)
class _Text:
    """What is to be encoded, and the record it stands in."""

    text: str
    fact: ItemUpserted | EventRecorded


def embed(store: LogStore, encoder: Encoder, backlog: Backlog, offsets: Sequence[int], now: Micros) -> int:
    """Embeds the upserts and searches at these offsets and lands their vectors; returns how many landed.

    A record erased since is skipped.

    Raises:
        Unavailable: if the encoder fails. Nothing has landed then.
        StoreError: if the log cannot be read or written.
    """
    texts = [text for offset in offsets for text in _texts(store, offset)]
    stored = [_stored(store, encoder.space, text) for text in texts]
    missing = list(dict.fromkeys(text.text for text, found in zip(texts, stored, strict=True) if found is None))
    made = dict(zip(missing, encoder.encode(missing), strict=True))
    values = [made[text.text] if found is None else found for text, found in zip(texts, stored, strict=True)]
    items = [
        (text.fact, value) for text, value in zip(texts, values, strict=True) if isinstance(text.fact, ItemUpserted)
    ]
    landed = 0
    if items:
        landed += store.land_vectors(encoder.space, _with_stories(backlog, items, now), now)
    for text, value in zip(texts, values, strict=True):
        if isinstance(text.fact, EventRecorded):
            user_id = UserId(text.fact.event.user_id)
            landed += store.land_query_vector(user_id, encoder.space, text.fact.offset, value, now)
    return landed


def _texts(store: LogStore, offset: int) -> list[_Text]:
    """The record at an offset and its text; empty if the record is gone."""
    found: list[Record] = store.read(offset - 1, 1)
    fact = decode(found[0]) if found and found[0].offset == offset else None
    if isinstance(fact, ItemUpserted):
        return [_Text(document(fact.item.title, fact.item.body), fact)]
    if isinstance(fact, EventRecorded):
        return [_Text(document(fact.event.query, ""), fact)]
    return []


def _stored(store: LogStore, space: str, text: _Text) -> F32 | None:
    if isinstance(text.fact, ItemUpserted):
        return store.vector(space, text.fact.item.item_id, text.fact.content_hash)
    return None


def _with_stories(backlog: Backlog, items: Sequence[tuple[ItemUpserted, F32]], now: Micros) -> list[NewVector]:
    rows = np.array([fact.row for fact, _ in items], np.int32)
    halves = np.array([value for _, value in items]).astype(np.float16)  # stories are judged on what will be stored
    times = np.array([backlog.published_at(fact.row) or now for fact, _ in items], np.int64)
    stories = backlog.stories.assign(rows, halves.astype(np.float32), times)
    return [
        NewVector(fact.row, fact.item.item_id, fact.content_hash, value, int(story))
        for (fact, value), story in zip(items, stories, strict=True)
    ]
