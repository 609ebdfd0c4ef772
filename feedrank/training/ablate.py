"""What each part of a ranker is worth: the same fit without it, judged on the last stretch of the training period.

Every variant is fitted to the same early impressions with the same number of trees, and judged beside the base on the
same later ones, as shown, padded and with an outdated log, by the paired difference of AUC. Knows nothing of any later
period.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import lightgbm
import numpy as np

from feedrank.errors import InvalidInput
from feedrank.features import BY_NAME
from feedrank.training.bootstrap import Interval, numbered, paired
from feedrank.training.dataset import Dataset
from feedrank.training.facts import Progress, no_progress
from feedrank.training.fit import OBJECTIVES, FitParams, split, train_booster, with_both_labels
from feedrank.training.forms import Form
from feedrank.training.metrics import PerImpression, judge
from feedrank.types import F64

ROUNDS = 200  # most of what a ranker gains; the same for all, so that none is favoured by a lucky stop
BASE = "everything"
AVERAGE = "average of the objectives"


def _same(dataset: Dataset) -> Dataset:
    return dataset


@dataclass(frozen=True, slots=True)
class Variant:
    """A ranker that differs from the base in one thing: its features, its parameters, or what it is fitted to."""

    name: str
    features: tuple[str, ...]
    params: FitParams
    fitted_to: Callable[[Dataset], Dataset] = field(default=_same)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a variant makes of AUC, on impressions as shown and, where there are any, padded and with an outdated log:
    less the base's.
    """

    name: str
    shown: Interval
    padded: Interval | None
    outdated: Interval | None

    def as_json(self) -> dict[str, Any]:
        """Differences with their 95% intervals."""
        found: dict[str, Any] = {"variant": self.name}
        for key, interval in (("shown", self.shown), ("padded", self.padded), ("outdated", self.outdated)):
            if interval is not None:
                found |= {f"auc_{key}": interval.mean, f"auc_{key}_95": [interval.low, interval.high]}
        return found


def variants(features: Sequence[str], params: FitParams) -> list[Variant]:
    """The base first; then without each family, with each other objective, and fitted to less."""
    names = tuple(features)
    families = sorted({BY_NAME[name].family for name in names})
    without = [
        Variant(f"without {family}", tuple(n for n in names if BY_NAME[n].family != family), params)
        for family in families
        if any(BY_NAME[n].family != family for n in names)
    ]
    others = [
        Variant(f"objective {objective}", names, replace(params, objective=objective))
        for objective in OBJECTIVES
        if objective != params.objective
    ]
    return [
        Variant(BASE, names, params),
        *without,
        *others,
        Variant("good reads worth two clicks", names, replace(params, gains=(0.0, 0.0, 0.0, 1.0, 2.0))),
        Variant("hidden and passed over worth less", names, replace(params, gains=(0.0, 0.1, 0.2, 1.0, 1.0))),
        *(
            Variant(f"one ranker, lambdas {told}", names, replace(params, averaged=False, normalized=normalized))
            for normalized, told in ((False, "as they are"), (True, "normalized, as LightGBM does"))
        ),
        Variant("monotone where the sign is known", names, replace(params, monotone=True)),
        Variant("fitted as shown only", names, params, lambda d: d.of(Form.SHOWN)),
        Variant("fitted without outdated logs", names, params, lambda d: d.take(d.forms != Form.OUTDATED)),
        Variant("fitted to what was seen only", names, params, lambda d: d.judged()),
    ]


def ablate(
    dataset: Dataset, features: Sequence[str], params: FitParams, seed: int = 1, progress: Progress = no_progress
) -> tuple[dict[str, float], list[Effect]]:
    """The base's AUC by form, and the effect of each variant and of the average of all objectives.

    `progress` hears each variant done. InvalidInput if the last stretch has nothing to judge by.
    """
    usable = dataset.take(with_both_labels(dataset))
    if not len(usable):
        raise InvalidInput("no impression has both a clicked and an unclicked item: there is nothing to compare by")
    early, late = split(usable, params.selection_share)
    judged = late.judged()
    judged = judged.take(with_both_labels(judged))
    forms = [form for form in Form if len(judged.of(form))]
    if not len(early) or not forms:
        raise InvalidInput("the period is too short: nothing is left to fit to, or to judge by")
    scores: dict[str, F64] = {}
    for variant in variants(features, params):
        scores[variant.name] = _scores(variant, early, judged)
        progress(1)
    names = (BASE, *(f"objective {o}" for o in OBJECTIVES if o != params.objective))
    scores[AVERAGE] = np.mean([_standard(scores[name]) for name in names], axis=0)
    found = {name: {form: _judged(judged, values, form) for form in forms} for name, values in scores.items()}
    base = found.pop(BASE)
    users = {form: numbered([judged.of(form).user_ids[i] for i in base[form].index.tolist()]) for form in forms}

    def effect(name: str, form: Form) -> Interval | None:
        if form not in base:
            return None
        return paired(found[name][form].auc[:, None], base[form].auc[:, None], users[form], seed)[0]

    effects = [
        Effect(name, shown, effect(name, Form.PADDED), effect(name, Form.OUTDATED))
        for name in found
        if (shown := effect(name, Form.SHOWN)) is not None
    ]
    return {form.name.lower(): base[form].mean().auc for form in forms}, effects


def _scores(variant: Variant, early: Dataset, judged: Dataset) -> F64:
    fitted_to = variant.fitted_to(early)
    fitted_to = fitted_to.take(with_both_labels(fitted_to))
    booster: lightgbm.Booster = train_booster(fitted_to, variant.features, variant.params, ROUNDS)
    rows = judged.columns(variant.features)
    return np.asarray(booster.predict(rows, raw_score=True, num_threads=1), np.float64)


def _standard(scores: F64) -> F64:
    standard: F64 = (scores - scores.mean()) / max(float(scores.std()), 1e-12)
    return standard


def _judged(dataset: Dataset, scores: F64, form: Form) -> PerImpression:
    of = dataset.forms == form
    part = dataset.take(of)
    return judge(part.labels, scores[np.repeat(of, np.diff(dataset.offsets))], part.offsets)
