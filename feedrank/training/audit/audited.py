"""From the log to an audit of one model: read, replay, score, audit.

Knows nothing of terminals or pages.
"""

from dataclasses import dataclass

from feedrank.features import NAMES
from feedrank.pipeline.stages import Scorer
from feedrank.registry import Manifest, Registry
from feedrank.store import LogStore
from feedrank.training import baselines
from feedrank.training.audit.audit import Audit, audit
from feedrank.training.audit.settings import AuditSettings
from feedrank.training.dataset import Dataset, View, build
from feedrank.training.evaluate import Trial, load_scorer
from feedrank.training.forms import last_midnight, outdated
from feedrank.training.judge import margins
from feedrank.training.period import AUTO_SPACE, Period, SlateRows, read_period
from feedrank.training.train import Watch, unwatched
from feedrank.types import F64, SECOND

GROUPED_BY = ("history_size", "age_hours", "hour", "device")  # features that slices and groups are made of


@dataclass(frozen=True, slots=True)
class Scored:
    """A model's scores (n,) on the data set of a period."""

    reference: str  # NAME@VERSION, or "prior"
    scorer: Scorer
    manifest: Manifest | None
    counter_delay_s: float
    period: Period
    dataset: Dataset
    scores: F64


def score_period(store: LogStore, registry: Registry, trial: Trial, watch: Watch = unwatched) -> Scored:
    """A model's scores on the impressions of a trial, with the columns that baselines, slices and groups need.

    NotFound for an unknown model, RegistryError for one that does not load, InvalidInput for a period without
    impressions.
    """
    scorer, manifest, reference = load_scorer(registry, trial.model)
    trained_delay = 0 if manifest is None else round(manifest.counter_delay_s * SECOND)
    delay = trained_delay if trial.counter_delay is None else trial.counter_delay
    space = AUTO_SPACE if manifest is None else manifest.space
    reading = watch("reading the log", store.position())
    period = read_period(store, trial.start, trial.until, space=space, progress=reading)
    logged = trial.slate_rows == SlateRows.LOGGED
    view = View(delay, period.space, logged)
    wanted = {*scorer.features} if logged else {*scorer.features, *baselines.FEATURES, *GROUPED_BY}
    features = tuple(name for name in NAMES if name in wanted)
    examples = outdated(period.examples, last_midnight(trial.start)) if trial.frozen else period.examples
    dataset = build(period.facts, examples, view, features, watch("replaying impressions", len(examples)))
    return Scored(reference, scorer, manifest, delay / SECOND, period, dataset, margins(dataset, scorer))


def audit_model(
    store: LogStore, registry: Registry, trial: Trial, settings: AuditSettings, watch: Watch = unwatched
) -> tuple[Scored, Audit]:
    """The audit of a model on the impressions of a trial, and the scores it rests on. Errors as `score_period`."""
    scored = score_period(store, registry, trial, watch)
    return scored, audit(scored.period, scored.dataset, scored.scores, trial.until, settings)
