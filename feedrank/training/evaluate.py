"""From the log to a verdict on a model: read, replay, score, judge beside the baselines.

Knows nothing of terminals.
"""

from dataclasses import dataclass

from feedrank.pipeline.scorers import LightGBMScorer, PriorScorer
from feedrank.pipeline.stages import Scorer
from feedrank.registry import Manifest, Registry
from feedrank.store import LogStore
from feedrank.training import baselines
from feedrank.training.dataset import View, build
from feedrank.training.judge import Judgement, judge_scorer
from feedrank.training.period import AUTO_SPACE, END, SlateRows, read_period
from feedrank.training.replay import FOREVER
from feedrank.training.times import format_time
from feedrank.training.train import Watch, unwatched
from feedrank.types import SECOND, Micros

PRIOR = "prior"  # the scorer that needs no training


@dataclass(frozen=True, slots=True)
class Trial:
    """Which model to judge, on what, and how the past is seen."""

    model: str  # NAME, NAME@VERSION, an alias, or "prior"
    start: Micros
    until: Micros = END
    counter_delay: Micros | None = None  # None: as the model was trained
    frozen: bool = False
    slate_rows: SlateRows = SlateRows.REPLAY


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judgement of one version, and what to bear in mind when reading it."""

    reference: str  # NAME@VERSION, or "prior"
    judgement: Judgement
    warnings: tuple[str, ...]


def evaluate(store: LogStore, registry: Registry, trial: Trial, watch: Watch = unwatched) -> Verdict:
    """Judges a model on the impressions of [start, until).

    NotFound for an unknown model, RegistryError for one that does not load, InvalidInput where there is nothing to
    judge by.
    """
    scorer, manifest, reference = load_scorer(registry, trial.model)
    trained_delay = 0 if manifest is None else round(manifest.counter_delay_s * SECOND)
    delay = trained_delay if trial.counter_delay is None else trial.counter_delay
    space = AUTO_SPACE if manifest is None else manifest.space
    period = read_period(
        store, trial.start, trial.until, space=space, progress=watch("reading the log", store.position())
    )
    logged = trial.slate_rows == SlateRows.LOGGED
    view = View(delay, period.space, trial.start if trial.frozen else FOREVER, logged)
    # as logged, there is no column the model did not read
    features = scorer.features if logged else tuple(dict.fromkeys((*scorer.features, *baselines.FEATURES)))
    replaying = watch("replaying impressions", len(period.examples))
    dataset = build(period.facts, period.examples, view, features, replaying)
    return Verdict(reference, judge_scorer(dataset, scorer), _warnings(manifest, delay, trial))


def load_scorer(registry: Registry, model: str) -> tuple[Scorer, Manifest | None, str]:
    """The scorer of a model, its manifest (None for the prior), and its NAME@VERSION. NotFound, RegistryError."""
    if model == PRIOR:
        return PriorScorer(), None, PRIOR
    loaded = registry.load(model)
    return LightGBMScorer(loaded.model_text, loaded.manifest.feature_names), loaded.manifest, loaded.reference


def _warnings(manifest: Manifest | None, delay: Micros, trial: Trial) -> tuple[str, ...]:
    if manifest is None:
        return ()
    found = []
    if round(manifest.counter_delay_s * SECOND) != delay:
        found.append(
            f"it was trained with counters {manifest.counter_delay_s:g} s late and is judged with {delay / SECOND:g} s"
        )
    if trial.start < manifest.data.until:
        found.append(
            f"it was trained on impressions until {format_time(manifest.data.until)}, past the start of the judged "
            "period: its figures are too good"
        )
    return tuple(found)
