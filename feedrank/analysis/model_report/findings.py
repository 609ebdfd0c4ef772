"""From the log to all that a model report tells. The one order of these steps.

Knows nothing of pages or terminals.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from feedrank.analysis.model_report.over_time import Stretch, over_time
from feedrank.pipeline.stages import CLICK_PROBABILITY
from feedrank.registry import Manifest, Registry
from feedrank.store import LogStore
from feedrank.store.data_settings import load_data_settings
from feedrank.training.audit.audit import Audit
from feedrank.training.audit.audited import Scored, audit_model
from feedrank.training.audit.settings import AuditSettings
from feedrank.training.dataset import Dataset, View, build
from feedrank.training.drift import DayOfClicks, Shift, clicks_by_day, shifts
from feedrank.training.evaluate import Trial, Verdict, evaluate
from feedrank.training.forms import padded
from feedrank.training.importance import Importance, importances
from feedrank.training.padding import Padding
from feedrank.training.train import Watch, unwatched
from feedrank.types import SECOND, Micros

SAMPLED = 600  # impressions padded to measure drift: some ten thousand rows


@dataclass(frozen=True, slots=True)
class Findings:
    """All a report tells. Empty sequences leave their part out."""

    verdict: Verdict
    audit: Audit
    manifest: Manifest | None  # None for the prior
    first: Micros  # of the judged impressions
    last: Micros
    impressions: int
    users: int
    counter_delay_s: float
    over_time: tuple[str, Sequence[Stretch]]
    importances: Sequence[Importance]
    shifts: Sequence[Shift]
    days: Sequence[DayOfClicks]


def find_out(
    store: LogStore, registry: Registry, trial: Trial, settings: AuditSettings, watch: Watch = unwatched
) -> Findings:
    """Judges, explains and audits a model on the impressions of a trial.

    NotFound for an unknown model, RegistryError for one that does not load, InvalidInput where there is nothing to
    judge by.
    """
    scored, audit = audit_model(store, registry, trial, settings, watch)
    verdict = evaluate(store, registry, trial, watch)
    dataset, manifest, scorer = scored.dataset, scored.manifest, scored.scorer
    explained: list[Importance] = []
    moved: list[Shift] = []
    days: list[DayOfClicks] = []
    if manifest is not None:
        explained = importances(registry.load(scored.reference).model_text, scorer, dataset)
        as_served = served_sample(store, scored, watch)
        moved = shifts(manifest.inputs, as_served)
        columns = scorer.score(np.ascontiguousarray(as_served.columns(scorer.features)))
        if CLICK_PROBABILITY in columns:
            days = clicks_by_day(as_served, columns[CLICK_PROBABILITY])
    return Findings(
        verdict,
        audit,
        manifest,
        int(dataset.times[0]),
        int(dataset.times[-1]),
        len(dataset),
        len({user for user in dataset.user_ids if user}),
        scored.counter_delay_s,
        over_time(scored),
        explained,
        moved,
        days,
    )


def served_sample(store: LogStore, scored: Scored, watch: Watch = unwatched) -> Dataset:
    """Impressions in the form that is served, which is what drift is about: slates as they are, imported ones padded,
    evenly over the period.
    """
    imported = [e for e in scored.period.examples if e.slate is None]
    if not imported:
        return scored.dataset
    chosen = padded(imported[:: max(1, len(imported) // SAMPLED)])
    padding = Padding(store, load_data_settings(store))
    view = View(round(scored.counter_delay_s * SECOND), scored.period.space, padding=padding)
    watching = watch("padding impressions", len(chosen))
    return build(scored.period.facts, chosen, view, scored.scorer.features, watching)
