"""From the log to a model's drift: replay a period as it was served, compare. Knows nothing of terminals."""

from dataclasses import asdict, dataclass
from typing import Any

from feedrank.errors import InvalidInput
from feedrank.pipeline.scorers import LightGBMScorer
from feedrank.pipeline.stages import CLICK_PROBABILITY
from feedrank.registry import Registry
from feedrank.store import LogStore
from feedrank.store.data_settings import load_data_settings
from feedrank.training.calibrate import Reliability, reliability
from feedrank.training.dataset import View, build
from feedrank.training.drift import DayOfClicks, Shift, clicks_by_day, shifts
from feedrank.training.forms import EVERY, padded
from feedrank.training.padding import Padding
from feedrank.training.period import read_period
from feedrank.training.replay import seed_of
from feedrank.training.times import format_time
from feedrank.training.train import Watch, unwatched
from feedrank.types import SECOND, Micros


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a period is from a model's training."""

    reference: str
    shifts: tuple[Shift, ...]  # the largest first
    days: tuple[DayOfClicks, ...]  # empty for a model without calibration
    reliability: Reliability | None

    def as_json(self) -> dict[str, Any]:
        """All figures."""
        return {
            "model": self.reference,
            "features": [asdict(shift) for shift in self.shifts],
            "days": [{**asdict(day), "day": format_time(day.day)[:10], "ratio": day.ratio} for day in self.days],
            "calibration": None if self.reliability is None else self.reliability.as_json(),
        }


def drift(
    store: LogStore, registry: Registry, model: str, start: Micros, until: Micros, watch: Watch = unwatched
) -> Drift:
    """The drift of [start, until): slates as they were served, of imported impressions every third, padded.

    NotFound, RegistryError for the model; InvalidInput where it kept no reference, or the period has no impressions.
    """
    loaded = registry.load(model)
    manifest = loaded.manifest
    if not manifest.inputs:
        raise InvalidInput(f"{loaded.reference} keeps no reference of its inputs: it was registered, not trained here")
    period = read_period(store, start, until, space=manifest.space, progress=watch("reading the log", store.position()))
    slates = [e for e in period.examples if e.slate is not None]
    examples = slates or padded(e for e in period.examples if seed_of(e.impression.request_id) % EVERY == 0)
    view = View(
        round(manifest.counter_delay_s * SECOND), period.space, padding=Padding(store, load_data_settings(store))
    )
    names = manifest.feature_names
    dataset = build(period.facts, examples, view, names, watch("replaying impressions", len(examples)))
    scored = LightGBMScorer.of(loaded).score(dataset.columns(names))
    probabilities = scored.get(CLICK_PROBABILITY)
    if probabilities is None:
        return Drift(loaded.reference, tuple(shifts(manifest.inputs, dataset)), (), None)
    return Drift(
        loaded.reference,
        tuple(shifts(manifest.inputs, dataset)),
        tuple(clicks_by_day(dataset, probabilities)),
        reliability(probabilities[dataset.seen], dataset.labels[dataset.seen]),
    )
