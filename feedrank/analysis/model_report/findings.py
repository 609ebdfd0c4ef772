"""From the log to all that a model report tells. The one order of these steps.

Knows nothing of pages or terminals.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from feedrank.analysis.model_report.over_time import Stretch, over_time
from feedrank.registry import Manifest, Registry
from feedrank.store import LogStore
from feedrank.training.audit.audit import Audit
from feedrank.training.audit.audited import audit_model
from feedrank.training.audit.settings import AuditSettings
from feedrank.training.evaluate import Trial, Verdict, evaluate
from feedrank.training.importance import Importance, importances
from feedrank.training.train import Watch, unwatched
from feedrank.types import Micros


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


def find_out(
    store: LogStore, registry: Registry, trial: Trial, settings: AuditSettings, watch: Watch = unwatched
) -> Findings:
    """Judges, explains and audits a model on the impressions of a trial.

    NotFound for an unknown model, RegistryError for one that does not load, InvalidInput where there is nothing to
    judge by.
    """
    scored, audit = audit_model(store, registry, trial, settings, watch)
    verdict = evaluate(store, registry, trial, watch)
    dataset, manifest = scored.dataset, scored.manifest
    explained: list[Importance] = []
    if manifest is not None:
        explained = importances(registry.load(scored.reference).model_text, scored.scorer, dataset)
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
    )
