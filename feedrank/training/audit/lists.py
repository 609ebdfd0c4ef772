"""The lists an audit is about: the top of each feed, and the candidates it was chosen from.

Imported impressions are put in a model's order; slates are taken as they were served. Knows nothing of groups or of
measures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from feedrank.training.dataset import Dataset
from feedrank.training.impressions import Example
from feedrank.types import F64, I32, I64

TOP = 10  # places audited: about what a reader sees before scrolling on
NOTHING = -1  # stands beyond the end of a short list


@dataclass(frozen=True, slots=True)
class Lists:
    """One list a request. List i was chosen from entries pool_offsets[i]:pool_offsets[i + 1] of `pool`."""

    top: I32  # (r, TOP) catalog rows, best first, NOTHING beyond the end
    pool: I32  # (n,) catalog rows
    pool_offsets: I64  # (r + 1,)
    times: I64  # (r,) microseconds
    user_ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.times)

    def owners(self) -> I64:
        """The list each entry of the pool belongs to, (n,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.pool_offsets))


def reranked(dataset: Dataset, scores: F64) -> Lists:
    """What was seen of each impression in the order of `scores` (n,), ties in the order shown."""
    seen = dataset.judged()
    owner = np.repeat(np.arange(len(seen)), np.diff(seen.offsets))
    order = np.lexsort((-scores[dataset.seen], owner))
    place = np.arange(len(order)) - seen.offsets[owner]
    inside = place < TOP
    top = np.full((len(seen), TOP), NOTHING, np.int32)
    top[owner[inside], place[inside]] = seen.item_rows[order[inside]]
    return Lists(top, seen.item_rows, seen.offsets, seen.times, seen.user_ids)


def served(examples: Sequence[Example]) -> Lists:
    """The slates among the examples as they were served, each beside all its scored candidates."""
    slates = [(e, e.slate) for e in examples if e.slate is not None]
    top = np.full((len(slates), TOP), NOTHING, np.int32)
    for i, (example, slate) in enumerate(slates):
        shown = [example.impression.rows[j] for j in slate.shown[:TOP]]
        top[i, : len(shown)] = shown
    pools = [np.array(e.impression.rows, np.int32) for e, _ in slates]
    return Lists(
        top,
        np.concatenate([np.empty(0, np.int32), *pools]),
        np.concatenate([np.zeros(1, np.int64), np.cumsum([len(pool) for pool in pools], dtype=np.int64)]),
        np.array([e.impression.time for e, _ in slates], np.int64),
        tuple(e.impression.user_id for e, _ in slates),
    )
