"""From the log to a verdict on a model: read, replay, score, judge beside the baselines.

Knows nothing of terminals.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from feedrank.pipeline.scorers import LightGBMScorer, PriorScorer
from feedrank.pipeline.stages import CLICK_PROBABILITY, Scorer
from feedrank.registry import Manifest, Registry
from feedrank.store import LogStore
from feedrank.store.data_settings import load_data_settings
from feedrank.training import baselines
from feedrank.training.als import als_scores
from feedrank.training.background import read_background
from feedrank.training.calibrate import Reliability, reliability
from feedrank.training.dataset import Dataset, View, build
from feedrank.training.forms import EVERY, Form, last_midnight, nightly, outdated, padded
from feedrank.training.judge import Judgement, judge_scorer, margins
from feedrank.training.padding import Padding
from feedrank.training.period import AUTO_SPACE, END, Period, SlateRows, read_period
from feedrank.training.replay import seed_of
from feedrank.training.slices import Slice, slice_table
from feedrank.training.times import format_time
from feedrank.training.train import Watch, unwatched
from feedrank.training.yardstick import yardstick_scores
from feedrank.types import DAY, F64, HOUR, MINUTE, SECOND, Micros

PRIOR = "prior"  # the scorer that needs no training

CURVE_DELAYS: tuple[Micros, ...] = (0, 5 * MINUTE, HOUR, 6 * HOUR)  # d of S(d)


@dataclass(frozen=True, slots=True)
class Trial:
    """Which model to judge, on what, and how the past is seen."""

    model: str  # NAME, NAME@VERSION, an alias, or "prior"
    start: Micros
    until: Micros = END
    counter_delay: Micros | None = None  # None: as the model was trained
    frozen: bool = False
    slate_rows: SlateRows = SlateRows.REPLAY
    curve: bool = False
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the curve: the model judged with an older view of the past."""

    name: str  # "S(300 s)" or "F"
    judgement: Judgement

    def as_json(self) -> dict[str, Any]:
        """The contract's keys, with the view's name."""
        return {"view": self.name, **self.judgement.as_json()}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judgement of one version, and what to bear in mind when reading it."""

    reference: str  # NAME@VERSION, or "prior"
    judgement: Judgement  # as shown: the published protocol; for slates as served
    padded: Judgement | None  # the same impressions, a third of them, beside what else the service would have scored
    slices: tuple[Slice, ...]
    reliability: Reliability | None  # of the click probability, on what was seen in the form that is served
    curve: tuple[Point, ...]
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The contract's keys, and beside them `padded`, `slices`, `calibration` and `curve` where there are any."""
        return {
            **self.judgement.as_json(),
            "model": self.reference,
            "padded": None if self.padded is None else self.padded.as_json(),
            "slices": [part.as_json() for part in self.slices],
            "calibration": None if self.reliability is None else self.reliability.as_json(),
            "curve": [point.as_json() for point in self.curve],
        }


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
    view = View(delay, period.space, logged, Padding(store, load_data_settings(store)))
    # as logged, there is no column the model did not read
    features = scorer.features if logged else tuple(dict.fromkeys((*scorer.features, *baselines.FEATURES)))
    as_judged = outdated(period.examples, last_midnight(trial.start)) if trial.frozen else list(period.examples)
    beside = [] if trial.frozen else padded(e for e in as_judged if seed_of(e.impression.request_id) % EVERY == 0)
    examples = [*as_judged, *beside]
    dataset = build(period.facts, examples, view, features, watch("replaying impressions", len(examples)))
    shown, served = dataset.take(dataset.forms != Form.PADDED), dataset.of(Form.PADDED)
    judgement = judge_scorer(shown, scorer, _fitted(period, shown, manifest, trial, watch), trial.seed)
    in_form = served if len(served) else shown
    return Verdict(
        reference,
        judgement,
        judge_scorer(served, scorer, seed=trial.seed) if len(served) else None,
        tuple(slice_table(shown, margins(shown, scorer), read_background(period.facts, period.examples), trial.seed)),
        None if manifest is None or manifest.calibration is None else _reliability(in_form.judged(), scorer),
        _curve(period, scorer, view, features, trial, watch) if trial.curve else (),
        _warnings(manifest, delay, trial),
    )


def load_scorer(registry: Registry, model: str) -> tuple[Scorer, Manifest | None, str]:
    """The scorer of a model, its manifest (None for the prior), and its NAME@VERSION. NotFound, RegistryError."""
    if model == PRIOR:
        return PriorScorer(), None, PRIOR
    loaded = registry.load(model)
    return LightGBMScorer.of(loaded), loaded.manifest, loaded.reference


def _fitted(period: Period, dataset: Dataset, manifest: Manifest | None, trial: Trial, watch: Watch) -> dict[str, F64]:
    """Scores of the baselines that are fitted: ALS to what was read before each midnight, the yardstick in training."""
    found: dict[str, F64] = {}
    if not trial.frozen:
        nights = len({time // DAY for time in dataset.times.tolist()})
        found["als"] = als_scores(period.facts, dataset, trial.seed, watch("fitting ALS, night by night", nights))
    if manifest is not None and manifest.yardstick is not None:
        found["logistic"] = yardstick_scores(manifest.yardstick, dataset.columns(manifest.feature_names))
    return found


def _reliability(dataset: Dataset, scorer: Scorer) -> Reliability:
    probabilities = scorer.score(dataset.columns(scorer.features))[CLICK_PROBABILITY]
    return reliability(probabilities, dataset.labels)


def _curve(
    period: Period, scorer: Scorer, view: View, features: Sequence[str], trial: Trial, watch: Watch
) -> tuple[Point, ...]:
    """The model under each delay of the counters, with nightly ones, and with everything frozen at a midnight."""
    views = [(f"S({delay // SECOND} s)", period.examples, replace(view, counter_delay=delay)) for delay in CURVE_DELAYS]
    views.append(("S(nightly)", nightly(period.examples), view))
    views.append(("F", outdated(period.examples, last_midnight(trial.start)), view))
    points = []
    for name, examples, seen in views:
        dataset = build(period.facts, examples, seen, features, watch(f"replaying {name}", len(examples)))
        points.append(Point(name, judge_scorer(dataset, scorer, seed=trial.seed)))
    return tuple(points)


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
