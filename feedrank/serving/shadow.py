"""Shadows: challengers that score what was served, off the request path, and are never served themselves.

A request hands its outcome over and goes on. One thread scores it with the challenger: columns that both models read
are taken as they are, others are computed from the same gathered columns. It works one outcome at a time, in steps of
about a millisecond, each begun in a lull between requests. Who is behind, or finds no lull, drops outcomes and counts
them. Knows nothing of replies: there is no way back from here to one.
"""

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np

from feedrank.experiments.agreement import Agreement, agreement
from feedrank.experiments.hashing import BUCKETS
from feedrank.features import compute
from feedrank.pipeline.executor import Outcome
from feedrank.serving import metrics
from feedrank.serving.api import ShadowReport
from feedrank.serving.lanes import Lane, Model
from feedrank.serving.traffic import Traffic
from feedrank.serving.trials import Trials
from feedrank.types import F32, F64

log = logging.getLogger(__name__)
T = TypeVar("T")

BACKLOG = 8  # outcomes held: each keeps the request's gathered columns, about a megabyte
ROWS_A_STEP = 128  # scored at once: under a millisecond for 300 trees
PATIENCE_S = 1.0  # for a lull: a service without any has no time for challengers


@dataclass(frozen=True, slots=True)
class _Job:
    name: str
    model: Model
    features: tuple[str, ...]  # of the outcome's rows
    outcome: Outcome


@dataclass(slots=True)
class _Tally:
    """What one challenger's comparisons come to so far. Written by the shadow thread, but for `dropped`."""

    compared: int = 0
    dropped: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    problem: str = ""

    def add(self, name: str, value: float) -> None:
        if math.isfinite(value):
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def mean(self, name: str) -> float:
        return self.sums[name] / self.counts[name] if name in self.counts else math.nan


class _NoLull(Exception):
    """Requests followed each other without a pause for PATIENCE_S."""


class _Steps:
    """Runs pieces of work in lulls; `seconds` is what they took, without the waiting."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self.seconds = 0.0

    def run(self, work: Callable[[], T]) -> T:
        if not self._traffic.wait_for_lull(PATIENCE_S):
            raise _NoLull
        started = time.perf_counter()
        try:
            return work()
        finally:
            self.seconds += time.perf_counter() - started


class Shadows:
    """A bounded queue, the one thread that drains it, and what it found. Requests run within `traffic`."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self._queue: queue.Queue[_Job | None] = queue.Queue(BACKLOG)
        self._tallies: dict[tuple[str, str], _Tally] = {}
        self._dropping = threading.Lock()  # requests and the shadow thread drop
        self._thread = threading.Thread(target=self._drain, name="shadow", daemon=True)
        self._thread.start()

    def offer(self, trials: Trials, lane: Lane, outcome: Outcome) -> None:
        """Hands a served outcome to the challengers that sample it. Never blocks."""
        for shadow in trials.experiments.shadow:
            model = trials.models.get(shadow.model)
            sampled = outcome.query.seed % BUCKETS < round(shadow.percent * BUCKETS / 100.0)
            if not shadow.enabled or model is None or not sampled or not len(outcome.rows):
                continue
            try:
                self._queue.put_nowait(_Job(shadow.name, model, lane.pipeline.scorer.features, outcome))
            except queue.Full:
                self._drop(shadow.name, model.version)

    def reports(self, trials: Trials) -> tuple[ShadowReport, ...]:
        """What each challenger's comparisons come to in this process, NaN where there is none yet."""
        tallies = [(s.name, s.model, self._tally(s.name, s.model)) for s in trials.experiments.shadow if s.enabled]
        return tuple(
            ShadowReport(
                name,
                model,
                tally.compared,
                tally.dropped,
                tally.mean("overlap_at_10"),
                tally.mean("kendall_tau"),
                tally.mean("score_drift"),
                tally.mean("seconds") * 1e3,
            )
            for name, model, tally in tallies
        )

    def problems(self, trials: Trials) -> tuple[str, ...]:
        """Why a challenger cannot be compared."""
        tallies = [self._tally(s.name, s.model) for s in trials.experiments.shadow if s.enabled]
        return tuple(tally.problem for tally in tallies if tally.problem)

    def close(self, timeout_s: float) -> None:
        """Stops; what is queued is not compared any more."""
        while True:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                break
        self._queue.put(None)
        self._thread.join(timeout_s)

    def _tally(self, name: str, version: str) -> _Tally:
        return self._tallies.setdefault((name, version), _Tally())

    def _drop(self, name: str, version: str) -> None:
        with self._dropping:
            self._tally(name, version).dropped += 1
        metrics.count_shadow_dropped(name)

    def _drain(self) -> None:
        while (job := self._queue.get()) is not None:
            tally, steps = self._tally(job.name, job.model.version), _Steps(self.traffic)
            try:
                found = _compared(job, steps)
            except _NoLull:
                self._drop(job.name, job.model.version)
                continue
            except Exception:
                log.exception("a shadow comparison failed", extra={"shadow": job.name, "model": job.model.version})
                tally.problem = f"shadow {job.name}: {job.model.version} fails to score; see the worker's log"
                continue
            if found is None:
                tally.problem = (
                    f"shadow {job.name}: {job.model.version} reads vectors of {job.model.space!r}, feeds are ranked in "
                    f"{job.outcome.space!r}"
                )
                continue
            self._note(tally, job.name, found, steps.seconds)

    def _note(self, tally: _Tally, name: str, found: Agreement, seconds: float) -> None:
        tally.problem = ""
        tally.compared += 1
        tally.add("overlap_at_10", found.overlap_at_10)
        tally.add("kendall_tau", found.kendall_tau)
        tally.add("score_drift", found.score_drift)
        tally.add("seconds", seconds)
        metrics.observe_shadow(name, found.overlap_at_10, found.kendall_tau, found.score_drift, seconds)


def _compared(job: _Job, steps: _Steps) -> Agreement | None:
    """The challenger's margins beside those served; None where it reads another vector space."""
    outcome, model = job.outcome, job.model
    if model.space not in ("", outcome.space):
        return None
    rows = steps.run(lambda: _rows(outcome, job.features, model.features))
    parts = [rows[first : first + ROWS_A_STEP] for first in range(0, len(rows), ROWS_A_STEP)]

    def scored(part: F32) -> F64:
        return model.scorer.score(part)["margin"]

    margins = np.concatenate([steps.run(partial(scored, part)) for part in parts])
    return steps.run(lambda: agreement(outcome.scores.columns["margin"], margins))


def _rows(outcome: Outcome, known: Sequence[str], wanted: Sequence[str]) -> F32:
    """The outcome's feature rows as another model reads them, (n, len(wanted)); known columns are taken as served."""
    place = {name: j for j, name in enumerate(known)}
    missing = tuple(name for name in wanted if name not in place)
    computed = compute(outcome.raw, missing) if missing else np.empty((len(outcome.rows), 0), np.float32)
    at = {name: j for j, name in enumerate(missing)}
    columns = [outcome.rows[:, place[n]] if n in place else computed[:, at[n]] for n in wanted]
    return np.ascontiguousarray(np.stack(columns, axis=1))
