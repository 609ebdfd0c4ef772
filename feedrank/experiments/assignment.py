"""Which variants a request is given: by salted hashes of its unit, the same at every request and in every process.

A unit is in the holdout or not; a layer's hash says which experiment of the layer it belongs to, the traffic hash
whether that experiment has reached it, and the variant hash which variant it has. A unit that takes part keeps its
variant while the ramp goes up. Knows nothing of models, settings or requests' other content.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from feedrank.errors import InvalidInput
from feedrank.experiments.definitions import INTERLEAVED, Audience, Experiment, State, Unit
from feedrank.experiments.document import HOLDOUT, Experiments
from feedrank.experiments.exposures import Exposure
from feedrank.experiments.hashing import BUCKETS, Purpose, bucket
from feedrank.types import SECOND, Context, Micros

HELD, OPEN = "held", "open"  # the holdout's variants


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a request is assigned by. `user` is "" where the request may not know one."""

    user: str
    session: str
    request: str
    context: Context
    is_new: Callable[[], bool]  # whether little is known of the reader; asked only where an audience does

    def unit(self, wanted: Unit) -> tuple[str, str]:
        """(kind, what is hashed): the wanted unit if the request has it, else its session, else the request itself."""
        if wanted is Unit.USER and self.user:
            return "user", f"user:{self.user}"
        if self.session:
            return "session", f"session:{self.session}"
        return "request", f"request:{self.request}"


def assign(experiments: Experiments, subject: Subject, now: Micros, overrides: Mapping[str, str]) -> list[Exposure]:
    """The exposures of one request, as assigned; `served` says the same until something does not load.

    Overrides take their layer, whatever the hashes say. InvalidInput for one that names no live experiment or variant.
    """
    at = datetime.fromtimestamp(now / SECOND, UTC)
    exposures, taken = _overridden(experiments, subject, at, overrides)
    if experiments.holdout is not None:
        kind, unit = subject.unit(experiments.holdout.unit)
        held = bucket(Purpose.HOLDOUT, experiments.holdout.salt, unit) < _buckets_of(experiments.holdout.percent)
        variant = HELD if held else OPEN
        exposures.append(Exposure(HOLDOUT, variant, variant, kind, overridden=bool(overrides)))
        if held:
            return exposures
    for experiment in experiments.experiment:
        if experiment.layer in taken or experiment.state(at) is not State.RUNNING:
            continue
        kind, unit = subject.unit(experiment.unit)
        if _takes_part(experiment, unit, subject, at):
            variant = variant_of(experiment, unit)
            exposures.append(Exposure(experiment.name, variant, variant, kind))
    return exposures


def variant_of(experiment: Experiment, unit: str) -> str:
    """The variant of a unit that takes part: cumulated weights over the variant hash."""
    if experiment.kind == "interleaving":
        return INTERLEAVED
    drawn, reached = bucket(Purpose.VARIANT, experiment.salt, unit), 0.0
    for variant in experiment.variant:
        reached += variant.weight or 0.0
        if drawn < _buckets_of(reached):
            return variant.name
    return experiment.variant[-1].name


def _takes_part(experiment: Experiment, unit: str, subject: Subject, at: datetime) -> bool:
    first, until = experiment.buckets
    if not first <= bucket(Purpose.LAYER, experiment.layer, unit) < until:
        return False
    if bucket(Purpose.TRAFFIC, experiment.salt, unit) >= _buckets_of(experiment.percent(at)):
        return False
    return _is_of(experiment.audience, subject)


def _is_of(audience: Audience, subject: Subject) -> bool:
    context = subject.context
    asked = (
        (audience.regions, context.region),
        (audience.languages, context.language),
        (audience.devices, context.device),
    )
    if any(allowed and value not in allowed for allowed, value in asked):
        return False
    return audience.new_users is None or audience.new_users == subject.is_new()


def _buckets_of(percent: float) -> int:
    return round(percent * BUCKETS / 100.0)


def _overridden(
    experiments: Experiments, subject: Subject, at: datetime, overrides: Mapping[str, str]
) -> tuple[list[Exposure], set[str]]:
    """The exposures that were asked for, and the layers they take."""
    exposures: list[Exposure] = []
    taken: dict[str, str] = {}
    for name, variant in sorted(overrides.items()):
        experiment = experiments.find(name)
        if experiment is None:
            known = ", ".join(e.name for e in experiments.experiment) or "none"
            raise InvalidInput(
                f"experiment_overrides names experiment {name!r}, which is not defined; there is: {known}"
            )
        state = experiment.state(at)
        if state in (State.KILLED, State.ENDED):
            raise InvalidInput(f"experiment_overrides names experiment {name!r}, which is {state}; enable it first")
        choices = [v.name for v in experiment.variant] + [INTERLEAVED] * (experiment.kind == "interleaving")
        if variant not in choices:
            raise InvalidInput(
                f"experiment_overrides[{name!r}] is {variant!r}, which is no variant of it; it has {', '.join(choices)}"
            )
        if experiment.layer in taken:
            raise InvalidInput(
                f"experiment_overrides names {taken[experiment.layer]!r} and {name!r}, which exclude each other in "
                f"layer {experiment.layer!r}; ask for one of them"
            )
        taken[experiment.layer] = name
        exposures.append(Exposure(name, variant, variant, subject.unit(experiment.unit)[0], overridden=True))
    return exposures, set(taken)
