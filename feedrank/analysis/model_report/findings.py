"""From the log to all that a model report tells. The one order of these steps.

Knows nothing of pages or terminals.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from feedrank.analysis.model_report.reliability import Reliability, reliability
from feedrank.analysis.model_report.standing import Point, Standing, delay_point, over_time, standings
from feedrank.registry import Manifest, Registry
from feedrank.store import LogStore
from feedrank.training.audit.audit import Audit
from feedrank.training.audit.audited import Scored, audit_model, score_period
from feedrank.training.audit.settings import AuditSettings
from feedrank.training.background import read_background
from feedrank.training.evaluate import Trial
from feedrank.training.importance import Importance, importances
from feedrank.training.slices import Slice, slice_table
from feedrank.training.times import format_time
from feedrank.training.train import Watch, unwatched
from feedrank.types import SECOND, Micros


@dataclass(frozen=True, slots=True)
class Findings:
    """All a report tells. Empty sequences and None leave their part out."""

    reference: str
    manifest: Manifest | None  # None for the prior
    first: Micros  # of the judged impressions
    last: Micros
    impressions: int
    users: int
    counter_delay_s: float
    standings: Sequence[Standing]  # the model first
    over_time: tuple[str, Sequence[Point]]
    delays: Sequence[Point]
    slices: Sequence[Slice]
    importances: Sequence[Importance]
    reliability: Reliability | None
    audit: Audit
    warnings: Sequence[str]


def find_out(
    store: LogStore,
    registry: Registry,
    trial: Trial,
    delays_s: Sequence[float],
    settings: AuditSettings,
    watch: Watch = unwatched,
) -> Findings:
    """Judges, slices, explains and audits a model on the impressions of a trial; `delays_s` are further counter delays
    for the curve.

    NotFound for an unknown model, RegistryError for one that does not load, InvalidInput where there is nothing to
    judge by.
    """
    scored, audit = audit_model(store, registry, trial, settings, watch)
    dataset = scored.dataset
    standing = standings(scored)
    curve = [delay_point(scored)]
    for delay in dict.fromkeys(delays_s):
        if delay != scored.counter_delay_s:
            later = replace(trial, counter_delay=round(delay * SECOND))
            curve.append(delay_point(score_period(store, registry, later, watch)))
    background = read_background(scored.period.facts, scored.period.examples)
    explained: list[Importance] = []
    if scored.manifest is not None:
        explained = importances(registry.load(scored.reference).model_text, scored.scorer, dataset)
    return Findings(
        scored.reference,
        scored.manifest,
        int(dataset.times[0]),
        int(dataset.times[-1]),
        len(dataset),
        len({user for user in dataset.user_ids if user}),
        scored.counter_delay_s,
        standing,
        over_time(scored),
        sorted(curve, key=lambda point: point.at),
        slice_table(dataset, scored.scores, background),
        explained,
        reliability_of(scored),
        audit,
        _warnings(scored, trial),
    )


def reliability_of(scored: Scored) -> Reliability | None:
    """That of the probabilities of what was seen, if the scorer gives any."""
    seen = scored.dataset.judged()
    columns = scored.scorer.score(np.ascontiguousarray(seen.columns(scored.scorer.features)))
    if "click_probability" not in columns:
        return None
    return reliability(columns["click_probability"], seen.labels)


def _warnings(scored: Scored, trial: Trial) -> list[str]:
    """What to bear in mind when reading the figures."""
    if scored.manifest is None:
        return []
    trained_until, found = scored.manifest.data.until, []
    if trial.start < trained_until:
        found.append(
            f"The model was trained on impressions until {format_time(trained_until)}, past the start of the judged "
            "period: its figures are too good"
        )
    if scored.manifest.counter_delay_s != scored.counter_delay_s:
        found.append(
            f"The model was trained with counters {scored.manifest.counter_delay_s:g} s late and is judged with "
            f"{scored.counter_delay_s:g} s"
        )
    return found
