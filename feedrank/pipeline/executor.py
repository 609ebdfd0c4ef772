"""The path of one Rank request, top to bottom, and the one place that says what a failure of each stage means.

A failed source is skipped and the reply degraded; a failed filter fails the request; a failed scorer falls back to
reciprocal-rank fusion of the sources, degraded. Every stage's output is checked here. Knows nothing of transport,
storage or what a stage does inside.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from feedrank.errors import PipelineError
from feedrank.features import Raw, compute, gather
from feedrank.pipeline.filters import applies
from feedrank.pipeline.fusion import fuse
from feedrank.pipeline.margins import sunk
from feedrank.pipeline.rules import Ruleset, terms
from feedrank.pipeline.stages import (
    Candidates,
    Filter,
    Query,
    Reader,
    Retrieved,
    Scorer,
    Scores,
    Selection,
    Selector,
    Source,
)
from feedrank.pipeline.union import union
from feedrank.state import State
from feedrank.types import F32, AnyArray

log = logging.getLogger(__name__)

Observe = Callable[[str, float, int], None]  # (stage or "source:NAME", seconds, candidates that came out)


@dataclass(frozen=True, slots=True)
class Outcome:
    """All a request left behind: what is served, and what explains and replays it."""

    query: Query
    reader: Reader
    state_position: int  # log offset of item state, noted while its columns were copied
    retrieved: Candidates  # before filters
    dropped_by: Mapping[int, str]  # row -> the filter that dropped it
    candidates: Candidates  # the scored set
    raw: Raw
    rows: F32  # feature rows of the scored set
    scores: Scores
    selection: Selection
    degraded: tuple[str, ...]
    space: str  # the vector space compared in


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Stages wired by a recipe. Immutable: a reload makes another."""

    hydrate: Callable[[Query], Reader]
    sources: tuple[Source, ...]
    caller_source: Source
    filters: tuple[Filter, ...]
    scorer: Scorer
    selector: Selector
    rules: Ruleset
    state: State
    lock: threading.Lock  # the fold's
    space: str
    total: int  # candidates wanted of all sources together
    observe: Observe = field(default=lambda stage, seconds, candidates: None)

    def run(self, query: Query) -> Outcome:
        """Ranks one request. PipelineError if a filter fails or a stage breaks its contract."""
        degraded: list[str] = []
        watch = _Watch(self.observe)
        reader = self.hydrate(query)
        watch.lap("hydrate", 1)

        found = self._retrieve(query, reader, degraded)
        watch.lap("sources", len(found.rows))

        with self.lock:
            raw = gather(self.state, found.rows, reader.profile, query.context, query.now, self.space)
            position = self.state.position
        watch.lap("gather", len(found.rows))

        candidates, raw, dropped_by = self._filter(query, reader, found, raw)
        watch.lap("filters", len(candidates.rows))

        rows = self._features(raw)
        watch.lap("features", len(rows))

        scores = self._score(query, candidates, raw, rows, degraded)
        watch.lap("scorer", len(rows))

        selection = self._select(query, candidates, raw, scores)
        watch.lap("selector", len(selection.order))
        return Outcome(
            query,
            reader,
            position,
            found,
            dropped_by,
            candidates,
            raw,
            rows,
            scores,
            selection,
            tuple(degraded),
            self.space,
        )

    def _retrieve(self, query: Query, reader: Reader, degraded: list[str]) -> Candidates:
        sources = (self.caller_source,) if query.candidate_ids else self.sources
        retrieved = [self._one_source(source, query, reader, degraded) for source in sources]
        names = [source.name for source in sources]
        return union(names, retrieved, [source.quota for source in sources], self.total)

    def _one_source(self, source: Source, query: Query, reader: Reader, degraded: list[str]) -> Retrieved:
        started = time.perf_counter()
        try:
            retrieved = source.retrieve(query, reader)
            if len(retrieved.rows) != len(retrieved.scores):
                raise PipelineError(
                    f"source {source.name} brought {len(retrieved.rows)} rows and {len(retrieved.scores)} scores"
                )
        except Exception:
            log.exception("source failed and was skipped", extra={"source": source.name})
            degraded.append(f"source:{source.name}")
            retrieved = Retrieved(np.empty(0, np.int32), np.empty(0, np.float32))
        self.observe(f"source:{source.name}", time.perf_counter() - started, len(retrieved.rows))
        return retrieved

    def _filter(
        self, query: Query, reader: Reader, candidates: Candidates, raw: Raw
    ) -> tuple[Candidates, Raw, dict[int, str]]:
        keep = np.arange(len(candidates.rows))
        dropped_by: dict[int, str] = {}
        for each in self.filters:
            if not applies(each, query):
                continue
            mask = each.keep(query, reader, raw)
            if mask.shape != (len(keep),) or mask.dtype != np.bool_:
                raise PipelineError(f"filter {each.name} returned {mask.dtype}{mask.shape} for {len(keep)} candidates")
            if not mask.all():
                dropped_by.update(dict.fromkeys(raw.items.rows[~mask].tolist(), each.name))
                kept = np.flatnonzero(mask)
                keep, raw = keep[kept], raw.take(kept)
        return candidates.take(keep), raw, dropped_by

    def _features(self, raw: Raw) -> F32:
        if not len(raw.items.rows):
            return np.empty((0, len(self.scorer.features)), np.float32)
        return compute(raw, self.scorer.features)

    def _score(self, query: Query, candidates: Candidates, raw: Raw, rows: F32, degraded: list[str]) -> Scores:
        n = len(candidates.rows)
        try:
            columns: dict[str, AnyArray] = dict(self.scorer.score(rows)) if n else {"margin": np.empty(0)}
            wrong = next((name for name, column in columns.items() if column.shape != (n,)), None)
            if wrong is not None or "margin" not in columns:
                raise PipelineError(f"scorer {self.scorer.name} broke its contract at column {wrong or 'margin'!r}")
        except Exception:
            log.exception("scorer failed; falling back to rank fusion", extra={"scorer": self.scorer.name})
            degraded.append(f"scorer:{self.scorer.name}")
            columns = {"margin": fuse(candidates), "fused": fuse(candidates)}
        final = sunk(columns["margin"])
        for name, term in terms(self.rules, query, self.state.catalog, raw).items():
            columns[name] = term
            final = final + term
        return Scores(final, columns)

    def _select(self, query: Query, candidates: Candidates, raw: Raw, scores: Scores) -> Selection:
        selection = self.selector.select(query, candidates, raw, scores)
        order = selection.order
        if len(order) > query.limit or len(set(order.tolist())) != len(order):
            raise PipelineError(
                f"the selector returned {len(order)} places for a limit of {query.limit}, or repeated one"
            )
        if len(selection.propensities) != len(order):
            raise PipelineError("the selector returned another number of propensities than of places")
        if len(selection.teams) not in (0, len(order)):
            raise PipelineError("the selector returned another number of teams than of places")
        return selection


class _Watch:
    """Reports the time since the last lap under a stage's name."""

    def __init__(self, observe: Observe) -> None:
        self._observe = observe
        self._last = time.perf_counter()

    def lap(self, stage: str, candidates: int) -> None:
        now = time.perf_counter()
        self._observe(stage, now - self._last, candidates)
        self._last = now
