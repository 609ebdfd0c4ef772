"""Padding: what else a feed would have scored at the instant of an imported impression.

An import knows only what was shown. Features that compare a candidate with the rest of its slate would then be trained
on a dozen and served on hundreds. Padding asks the service's own sources and filters, on the replayed state, for the
other candidates of that moment, up to the serving size. Knows nothing of labels or of models.
"""

import threading
from dataclasses import dataclass, field

import numpy as np

from feedrank import recipes
from feedrank.features import Raw, gather
from feedrank.history import Profile
from feedrank.index.interests import interest_vectors
from feedrank.pipeline import lists
from feedrank.pipeline.executor import Pipeline
from feedrank.pipeline.filters import applies
from feedrank.pipeline.hydrate import interests_of, near_vectors
from feedrank.pipeline.rules import NO_RULES
from feedrank.pipeline.scorers import PriorScorer
from feedrank.pipeline.stages import Query, Reader
from feedrank.pipeline.union import union
from feedrank.settings import DataSettings, Settings
from feedrank.state import State
from feedrank.store import LogStore
from feedrank.training.replay import Impression, as_shown, seed_of
from feedrank.types import F32, I32, MINUTE, Bools, Micros

LISTS_FOR = 1 * MINUTE  # how long shared lists are good for; serving makes them anew every second, for fresher ones


class _LiveVectors:
    """Exact nearest neighbours among the live items of a replayed state, by inner product: what FAISS would answer."""

    def __init__(self, rows: I32, vectors: F32) -> None:
        self._rows, self._vectors = rows, vectors

    def search(self, queries: F32, k: int) -> tuple[I32, F32]:
        """Rows (q, k) int32 and scores (q, k), best first; k is cut to the number of items."""
        scores = queries @ self._vectors.T
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return self._rows[best], np.take_along_axis(scores, best, axis=1)


@dataclass(slots=True)
class Padding:
    """Gathers an impression's own items, in their order, and after them what the service would have scored beside."""

    store: LogStore  # named by the pipeline, not read
    data: DataSettings
    settings: Settings = field(default_factory=Settings)
    _pipeline: Pipeline | None = None
    _made_for: tuple[int, Micros] = (0, 0)  # id of the state, and the instant

    def __call__(self, state: State, user: Profile, impression: Impression, now: Micros, space: str) -> Raw:
        """Raw columns of the impression's items first, and of its padding if it is to be padded."""
        if not impression.padded:
            return as_shown(state, user, impression, now, space)
        pipeline = self._wired(state, now, space)
        query = Query(
            impression.request_id,
            impression.user_id,
            self.settings.candidates,
            now,
            seed_of(impression.request_id),
            context=impression.context,
        )
        reader = Reader(user, interests_of(near_vectors(state, user, space), user, now, interest_vectors), 0)
        sources = pipeline.sources
        found = union(
            [source.name for source in sources],
            [source.retrieve(query, reader) for source in sources],
            [source.quota for source in sources],
            pipeline.total,
        )
        own = np.array(impression.rows, np.int32)
        beside = found.rows[~np.isin(found.rows, own)][: max(0, self.settings.candidates - len(own))]
        raw = gather(state, np.concatenate([own, beside]), user, impression.context, now, space)
        keep = self._kept(pipeline, query, reader, raw, len(own))
        return raw.take(np.flatnonzero(keep)) if not keep.all() else raw

    def _kept(self, pipeline: Pipeline, query: Query, reader: Reader, raw: Raw, own: int) -> Bools:
        """Which candidates are scored: all of the impression's own, whatever the filters say, and what passes them."""
        keep = np.arange(len(raw.items.rows)) < own
        beside = np.flatnonzero(~keep)
        for each in pipeline.filters:
            if applies(each, query) and len(beside):
                beside = beside[each.keep(query, reader, raw.take(beside))]
        keep[beside] = True
        return keep

    def _wired(self, state: State, now: Micros, space: str) -> Pipeline:
        """The feed's recipe over the state, with lists at most `LISTS_FOR` old."""
        made = self._made_for
        if self._pipeline is None or made[0] != id(state) or not 0 <= now - made[1] < LISTS_FOR:
            shared = lists.build(state, now, self.data.serve_unlisted_items)
            table = state.vectors.get(space)
            index = None
            if table is not None:
                vectors, has = table.gather(shared.newest)
                index = _LiveVectors(shared.newest[has], vectors[has])
            parts = recipes.Parts(
                self.store,
                state,
                threading.Lock(),
                index,
                shared,
                NO_RULES,
                PriorScorer(),
                space,
                lambda stage, seconds, candidates: None,
            )
            self._pipeline = recipes.feed(self.settings, self.data, parts)
            self._made_for = (id(state), now)
        return self._pipeline
