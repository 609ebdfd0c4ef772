"""Trials: the experiments in force with the models their variants name, and what a request's variants add up to.

A variant whose model did not load is never served by half: its users get the control, or nothing of the experiment
where that did not load either, and the exposure says so. Knows nothing of files, of loading, or of the pipeline.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from feedrank.experiments.definitions import INTERLEAVED, Experiment, Variant
from feedrank.experiments.document import NO_EXPERIMENTS, Experiments, experiments_hash
from feedrank.experiments.exposures import Exposure
from feedrank.experiments.variables import Change
from feedrank.serving.api import ExperimentReport
from feedrank.serving.lanes import Model
from feedrank.types import SECOND, Micros


@dataclass(frozen=True, slots=True)
class Arm:
    """What one request's variants add up to, and the exposures as they are really served."""

    exposures: tuple[Exposure, ...] = ()
    model: Model | None = None  # None: the one in force
    changes: tuple[Change, ...] = ()
    rival: Model | None = None  # drafts the feed with `model`
    team_names: tuple[str, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        """Whether the feed is made the way everybody's is."""
        return self.model is None and self.rival is None and not self.changes

    @property
    def degraded(self) -> tuple[str, ...]:
        """Reasons for a reply that is not what its variants promise."""
        return tuple(f"variant:{e.experiment}" for e in self.exposures if e.fell_back)


@dataclass(frozen=True, slots=True)
class Trials:
    """Experiments, the models they name that loaded, and why the others did not. Immutable."""

    experiments: Experiments = NO_EXPERIMENTS
    hash: bytes = experiments_hash("")
    models: Mapping[str, Model] = field(default_factory=dict)  # by version
    failures: Mapping[str, str] = field(default_factory=dict)  # version -> what is wrong

    def arm(self, assigned: Iterable[Exposure], in_force: Model) -> Arm:
        """The arm of a request. `in_force` is the model that variants without one of their own are ranked by."""
        arm = Arm()
        for exposure in assigned:
            experiment = self.experiments.find(exposure.experiment)
            arm = _with(arm, exposure) if experiment is None else self._laid(arm, exposure, experiment, in_force)
        return arm

    def reports(self, now: Micros) -> tuple[ExperimentReport, ...]:
        """Where each experiment stands, and which of its variants' models did not load."""
        at = datetime.fromtimestamp(now / SECOND, UTC)
        return tuple(
            ExperimentReport(e.name, e.state(at).value, tuple(v.name for v in e.variant if v.model in self.failures))
            for e in self.experiments.experiment
        )

    def _laid(self, arm: Arm, exposure: Exposure, experiment: Experiment, in_force: Model) -> Arm:
        if exposure.assigned == INTERLEAVED:
            first, second = experiment.variant
            if self._loaded(first) and self._loaded(second):
                one, two = self._model(first) or in_force, self._model(second) or in_force
                if one.shares_space(two):
                    return replace(_with(arm, exposure), model=one, rival=two, team_names=(first.name, second.name))
        variant = experiment.find(exposure.assigned)
        for served in (variant, experiment.control_variant):
            if served is not None and self._loaded(served):
                laid = _with(arm, replace(exposure, served=served.name))
                return replace(laid, model=self._model(served) or arm.model, changes=(*arm.changes, *served.changes))
        return _with(arm, replace(exposure, served=""))

    def _loaded(self, variant: Variant) -> bool:
        return variant.model is None or variant.model in self.models

    def _model(self, variant: Variant) -> Model | None:
        return None if variant.model is None else self.models[variant.model]


def _with(arm: Arm, exposure: Exposure) -> Arm:
    return replace(arm, exposures=(*arm.exposures, exposure))
