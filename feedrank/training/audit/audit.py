"""One audit: lists, what they are beyond accuracy, whose items and which users they serve, and the guardrails.

Knows nothing of stores, of terminals or of how a page looks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from feedrank.training import baselines
from feedrank.training.audit.beyond import Beyond, beyond, beyond_guardrails, read_vectors, span_of
from feedrank.training.audit.exposure import GroupExposure, exposure_guardrails, group_exposures
from feedrank.training.audit.item_groups import item_groupings
from feedrank.training.audit.lists import Lists, reranked, served
from feedrank.training.audit.radio import Evidence, radio_measures
from feedrank.training.audit.reading import read_reading
from feedrank.training.audit.settings import AuditSettings, Guardrail
from feedrank.training.audit.users import Reference, UserGroup, user_groups, user_guardrails
from feedrank.training.background import read_background
from feedrank.training.bootstrap import Interval, intervals
from feedrank.training.dataset import Dataset
from feedrank.training.metrics import evaluate
from feedrank.training.period import Period
from feedrank.training.slices import slicings
from feedrank.types import F64, Micros

COMPARED = ("recency", "ctr_24h", baselines.RANDOM)  # other orders of the same impressions


class Origin(StrEnum):
    """Where the audited lists come from."""

    RERANKED = "imported impressions, in the model's order"
    SERVED = "slates as they were served"


@dataclass(frozen=True, slots=True)
class RadioValue:
    """A RADio measure in bits, NaN where `absent` says why there is none."""

    name: str
    interval: Interval
    absent: str


@dataclass(frozen=True, slots=True)
class Audit:
    """All an audit found. `beyond` holds the audited lists first, under MODEL, then other orders of the same."""

    origin: Origin
    lists: int
    users: int
    beyond: Mapping[str, Beyond]
    radio: Sequence[RadioValue]
    exposures: Sequence[GroupExposure]
    groups: Sequence[UserGroup]
    reference: str  # what `groups` were held against: the champion, or the best baseline
    guardrails: Sequence[Guardrail]
    settings: AuditSettings

    @property
    def passed(self) -> bool:
        """Whether every guardrail held."""
        return all(rail.passed for rail in self.guardrails)

    def as_json(self) -> dict[str, Any]:
        """For machines; `passed` is what a gate asks for. What could not be measured is null."""
        values: dict[str, Any] = {
            "passed": self.passed,
            "guardrails": [asdict(rail) for rail in self.guardrails],
            "origin": self.origin.value,
            "lists": self.lists,
            "users": self.users,
            "beyond": {name: each.as_json() for name, each in self.beyond.items()},
            "radio": [
                {"name": r.name, "value": r.interval.mean, "95": [r.interval.low, r.interval.high], "absent": r.absent}
                for r in self.radio
            ],
            "item_groups": [each.as_json() for each in self.exposures],
            "user_groups": [each.as_json() for each in self.groups],
            "reference": self.reference,
            "settings": self.settings.model_dump(),
        }
        return {name: _without_nan(value) for name, value in values.items()}


MODEL = "model"


def audit(
    period: Period,
    dataset: Dataset,
    scores: F64,
    until: Micros,
    settings: AuditSettings,
    champion: Reference | None = None,
    seed: int = 1,
) -> Audit:
    """Audits a model by its `scores` (n,) of a period's data set.

    Where the period holds slates, the lists are those slates as they were served; else they are the imported
    impressions in the model's order. Users are judged by the scores either way, beside the `champion`, or without one
    beside the best baseline. What readers did is known up to `until`.
    """
    background = read_background(period.facts, period.examples)
    rows = len(background.categories)
    reading = read_reading(period.facts, until, rows)
    vectors = read_vectors(period.facts, period.space, rows)
    origin = Origin.SERVED if any(e.slate is not None for e in period.examples) else Origin.RERANKED
    lists = served(period.examples) if origin == Origin.SERVED else reranked(dataset, scores)
    evidence = Evidence(lists, background, reading, vectors.stories)
    found = {MODEL: beyond(lists, evidence, vectors, seed)}
    if origin == Origin.RERANKED:
        orders = baselines.scores(dataset)
        random = np.random.default_rng(seed).random(len(dataset.labels))
        orders[baselines.RANDOM] = random  # as a tie it would keep the order shown
        others = {name: reranked(dataset, orders[name]) for name in COMPARED if name in orders}
        found |= {name: beyond(other, evidence, vectors, seed) for name, other in others.items()}
    groupings = item_groupings(background, np.unique(lists.pool))
    exposures = group_exposures(lists, groupings, reading.quality(), settings, seed)
    seen = dataset.judged()
    of_users = [slicing for slicing in slicings(seen, background) if slicing.of_users]
    reference = champion or best_baseline(dataset)
    groups = user_groups(dataset, scores, reference, of_users, settings)
    rails = [
        *beyond_guardrails(found[MODEL], settings),
        *exposure_guardrails(exposures, settings),
        *user_guardrails(groups, reference.name, settings),
    ]
    return Audit(
        origin,
        len(lists),
        len({user for user in lists.user_ids if user}),
        found,
        _radio(lists, evidence, seed),
        exposures,
        groups,
        reference.name,
        rails,
        settings,
    )


def best_baseline(dataset: Dataset) -> Reference:
    """The baseline with the best mean AUC over what was seen; chance where the data set has the column of none."""
    seen = dataset.judged()
    found = baselines.scores(dataset)
    mean = {name: evaluate(seen.labels, column[dataset.seen], seen.offsets).auc for name, column in found.items()}
    best = max(mean, key=lambda name: mean[name])
    return Reference(best, found[best])


def _without_nan(value: Any) -> Any:
    """The same JSON with null for NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and value != value else value


def _radio(lists: Lists, evidence: Evidence, seed: int) -> list[RadioValue]:
    found = []
    for measure in radio_measures(evidence, seed):
        if not measure.of_pairs:
            span = span_of(measure.values, lists, seed)
        else:  # pairs of different users' lists, taken as independent
            known = measure.values[~np.isnan(measure.values)]
            span = intervals(known[:, None], np.arange(len(known)), seed)[0]
        found.append(RadioValue(measure.name, span, measure.absent))
    return found
