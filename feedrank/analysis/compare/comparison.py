"""Everything a comparison of two models says: over all, per slice with Holm's correction, and where they disagree.

Knows nothing of terminals or of pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from statsmodels.stats.multitest import multipletests

from feedrank.analysis.compare.agreement import TOP, Agreement, agreement
from feedrank.analysis.compare.disagreements import Examples, examples
from feedrank.analysis.compare.permutation import PATTERNS, sign_flip
from feedrank.registry import Registry
from feedrank.store import LogStore
from feedrank.training.background import read_background
from feedrank.training.bootstrap import Interval, paired
from feedrank.training.gate.contest import (
    RESAMPLES,
    SEED,
    Contest,
    Stretch,
    contestant,
    held,
    overlaps,
    read_stretch,
)
from feedrank.training.gate.rules import MIN_EFFECTIVE_USERS
from feedrank.training.slices import METRICS, slicings
from feedrank.training.train import Watch, unwatched
from feedrank.types import SECOND, Bools

SLICED_BY = ("history_size", "age_hours", "hour", "device")  # features that slices are made of
FEWEST_USERS = 10  # of a slice: with fewer not even a clear difference reaches p = .002


@dataclass(frozen=True, slots=True)
class Effect:
    """One metric: both means, the interval of a minus b, the permutation p, and Holm's over the table it stands in."""

    a: float
    b: float
    difference: Interval
    p: float
    p_holm: float

    def as_json(self) -> dict[str, float | list[float]]:
        """For machines."""
        d = self.difference
        values = {"a": self.a, "b": self.b, "difference": d.mean, "p": self.p, "p_holm": self.p_holm}
        return {**values, "95": [d.low, d.high]}


@dataclass(frozen=True, slots=True)
class Part:
    """The effects on a group of impressions."""

    slice: str
    value: str
    impressions: int
    users: int
    effects: Mapping[str, Effect]  # by METRICS

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        effects = {name: effect.as_json() for name, effect in self.effects.items()}
        return {
            "slice": self.slice,
            "value": self.value,
            "impressions": self.impressions,
            "users": self.users,
            **effects,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models compared. `whole` corrects over its metrics, `parts` each metric over all parts."""

    found: Contest
    whole: Part
    parts: Sequence[Part]
    left_out: int  # groups of fewer than FEWEST_USERS users
    alike: Agreement
    examples: Examples
    warnings: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """For machines; feeds only in the report."""
        tau = self.alike.tau[~np.isnan(self.alike.tau)]
        return {
            "a": self.found.a.reference,
            "b": self.found.b.reference,
            "counter_delay_s": self.found.counter_delay / SECOND,
            "effective_users": self.found.effective_users(),
            "all": self.whole.as_json(),
            "slices": [part.as_json() for part in self.parts],
            "agreement": {
                "kendall_tau": float(tau.mean()) if len(tau) else None,
                f"overlap@{TOP}": float(self.alike.overlap.mean()),
                "same_first": float(self.alike.same_first.mean()),
            },
            "warnings": list(self.warnings),
        }


def compare(
    store: LogStore, registry: Registry, a: str, b: str, stretch: Stretch, feeds: int, watch: Watch = unwatched
) -> Comparison:
    """Compares models `a` and `b` (NAME, NAME@VERSION, an alias, or "prior") on a stretch of the log, with `feeds`
    example feeds of each kind.

    NotFound or RegistryError for a model that is unknown or does not load; InvalidInput where there is nothing to judge
    by.
    """
    loading = watch("loading the models", 2)
    one = contestant(registry, a)
    loading(1)
    other = contestant(registry, b)
    loading(1)
    period = read_stretch(store, one, other, stretch, watch)
    found = held(store, period, one, other, stretch, watch, SLICED_BY)
    working = watch("testing slices", None)
    groups = [
        (slicing.name, value, slicing.group == place)
        for slicing in slicings(found.data, read_background(period.facts, period.examples))
        for place, value in enumerate(slicing.values)
    ]
    groups = [group for group in groups if group[2].any()]
    told = [group for group in groups if len(np.unique(found.users[group[2]])) >= FEWEST_USERS]
    everyone = np.ones(len(found.data), np.bool_)
    whole = _over_metrics(_part(found, "all", "all", everyone))
    working(1)
    parts = []
    for name, value, inside in told:
        parts.append(_part(found, name, value, inside))
        working(1)
    alike = agreement(*found.margins, found.data.offsets)
    return Comparison(
        found,
        whole,
        _over_parts(parts),
        len(groups) - len(told),
        alike,
        examples(store, found, alike, feeds),
        _warnings(found, stretch),
    )


def _part(found: Contest, name: str, value: str, inside: Bools) -> Part:
    a, b = (quality[inside] for quality in found.quality)
    users = found.users[inside]
    spans = paired(a, b, users, SEED, RESAMPLES)
    p = sign_flip(a - b, users, SEED, PATTERNS)
    effects = {
        metric: Effect(float(a[:, j].mean()), float(b[:, j].mean()), spans[j], float(p[j]), float(p[j]))
        for j, metric in enumerate(METRICS)
    }
    return Part(name, value, int(inside.sum()), len(np.unique(users)), effects)


def _over_metrics(part: Part) -> Part:
    """The part with Holm's correction over its own metrics."""
    corrected = holm([effect.p for effect in part.effects.values()])
    effects = dict(zip(part.effects, map(_with, part.effects.values(), corrected), strict=True))
    return replace(part, effects=effects)


def _over_parts(parts: Sequence[Part]) -> list[Part]:
    """The parts with Holm's correction of each metric over all of them."""
    corrected = {metric: holm([part.effects[metric].p for part in parts]) for metric in METRICS}
    return [
        replace(part, effects={metric: _with(part.effects[metric], corrected[metric][i]) for metric in METRICS})
        for i, part in enumerate(parts)
    ]


def _with(effect: Effect, p_holm: float) -> Effect:
    return replace(effect, p_holm=p_holm)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p: the family errs anywhere with the level one is held to. (Holm, Scandinavian Journal
    of Statistics 1979)
    """
    return [float(value) for value in multipletests(p, method="holm")[1]] if p else []


def _warnings(found: Contest, stretch: Stretch) -> list[str]:
    """What to bear in mind when reading the figures."""
    said = [
        f"{told}, past the start of the period: its figures are too good"
        for one in (found.a, found.b)
        if (told := overlaps(one, stretch.start))
    ]
    for one in (found.a, found.b):
        if one.manifest is not None and round(one.manifest.counter_delay_s * SECOND) != found.counter_delay:
            said.append(
                f"{one.reference} was trained with counters {one.manifest.counter_delay_s:g} s late and is judged with "
                f"{found.counter_delay / SECOND:g} s"
            )
    if found.effective_users() < MIN_EFFECTIVE_USERS:
        said.append(
            f"the impressions are worth those of {found.effective_users():.0f} equally active users: below "
            f"{MIN_EFFECTIVE_USERS}, intervals are too narrow"
        )
    return said
