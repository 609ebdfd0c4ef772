"""What may be changed of an experiment that has begun: when it ends, its ramp, its kill switch.

Anything else would move users between variants, or call two treatments by one name, so it is refused. Knows nothing of
files.
"""

from datetime import datetime

from feedrank.errors import InvalidInput
from feedrank.experiments.definitions import Experiment
from feedrank.experiments.document import Experiments

_FIXED = ("kind", "salt", "layer", "buckets", "unit", "audience", "control", "start")


def check_amendments(before: Experiments, after: Experiments, at: datetime) -> None:
    """InvalidInput if `after` changes what an experiment that has begun by `at` is."""
    for experiment in after.experiment:
        known = before.find(experiment.name)
        if known is not None and known.has_begun(at):
            _check(known, experiment)
    if before.holdout is not None and after.holdout is not None and before.holdout != after.holdout:
        raise InvalidInput(
            f"the holdout changed from ({before.holdout}) to ({after.holdout}): those it held would be mixed "
            "with those it holds; put it back, or remove the holdout and begin another later"
        )


def _check(before: Experiment, after: Experiment) -> None:
    changed = [field for field in _FIXED if _field(before, field) != _field(after, field)]
    if before.variant != after.variant:
        changed.append(_variant_difference(before, after))
    if changed:
        raise InvalidInput(
            f"experiment {after.name!r} has begun, and its {changed[0]} changed: that would move users between "
            "variants or mix two treatments under one name; put it back, or end it and begin one of another name"
        )


def _variant_difference(before: Experiment, after: Experiment) -> str:
    if [v.name for v in before.variant] != [v.name for v in after.variant]:
        return "list of variants"
    pairs = zip(before.variant, after.variant, strict=True)
    old, new = next((a, b) for a, b in pairs if a != b)
    what = "weight" if old.weight != new.weight else "model" if old.model != new.model else "settings"
    return f"variant {old.name!r} {what}"


def _field(experiment: Experiment, field: str) -> object:
    return experiment.model_dump()[field]
