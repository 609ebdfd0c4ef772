"""Experiments as `experiments.toml` defines them, and what must hold of one of them alone.

    [[experiment]]
    name = "ranker-7"
    salt = "ranker-7"
    layer = "ranking"                   # experiments of one layer exclude each other; layers are independent
    buckets = [0, 5000]                 # of the layer's 10,000: from, and up to but without
    variant = [
        { name = "control", weight = 50 },
        { name = "new", weight = 50, model = "news@VERSION", settings = { selector.diversity = 0.3 } },
    ]

The guide, docs/guides/experiments.md, shows everything that can be said. Knows nothing of requests or of files.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from feedrank.experiments.hashing import BUCKETS
from feedrank.experiments.variables import Change, Value, checked, flattened
from feedrank.registry.references import PRIOR, is_name, is_version, split

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
INTERLEAVED = "interleaved"  # the variant of a feed two models drafted
MOST_VARIANTS = 20
_SMALLEST_SHARE = 100.0 / BUCKETS  # percent


def _whole_buckets(percent: float) -> float:
    if abs(percent / _SMALLEST_SHARE - round(percent / _SMALLEST_SHARE)) > 1e-6:
        raise ValueError(f"{percent} is not a multiple of {_SMALLEST_SHARE} percent")
    return percent


def _pinned(model: str) -> str:
    name, version = split(model)
    if model != PRIOR and not (is_name(name) and is_version(version)):
        raise ValueError(f"{model!r} is no NAME@VERSION; pin a version that ListModels shows, or say {PRIOR!r}")
    return model


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Name = Annotated[str, Field(pattern=NAME)]
ModelVersion = Annotated[str, AfterValidator(_pinned)]
Percent = Annotated[float, Field(ge=0, le=100), AfterValidator(_whole_buckets)]
Moment = Annotated[datetime, AfterValidator(_utc)]  # naive times are UTC
Words = Annotated[tuple[str, ...], Field(max_length=1_000)]
FROZEN = ConfigDict(extra="forbid", frozen=True)


class Unit(StrEnum):
    """What keeps its variant: a user, or one session."""

    USER = "user"
    SESSION = "session"


class State(StrEnum):
    """Where an experiment stands at an instant."""

    SCHEDULED = "scheduled"
    RUNNING = "running"
    ENDED = "ended"
    KILLED = "killed"


class Audience(BaseModel):
    """Which requests an experiment is about; empty lists ask nothing."""

    model_config = FROZEN

    regions: Words = ()
    languages: Words = ()
    devices: Words = ()
    new_users: bool | None = None  # true: only readers of whom little is known; false: only others
    percent: Percent = 100.0  # of the units, by salted hash


class RampStep(BaseModel):
    """From `at` on, this share of the audience takes part."""

    model_config = FROZEN

    at: Moment
    percent: Percent


class Variant(BaseModel):
    """One arm: its share, and what it changes. Without changes it is what everybody gets."""

    model_config = FROZEN

    name: Name
    weight: Percent | None = None  # absent only in an interleaving experiment
    model: ModelVersion | None = None  # NAME@VERSION or "prior"; absent: the one in force
    settings: dict[str, Value] = {}

    @field_validator("settings", mode="before")
    @classmethod
    def _known(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: checked(name, value) for name, value in flattened(given).items()}

    @property
    def changes(self) -> tuple[Change, ...]:
        """Settings it changes, by name."""
        return tuple(sorted(self.settings.items()))


class Experiment(BaseModel):
    """One experiment. The first variant is the control unless `control` names another."""

    model_config = FROZEN

    name: Name
    kind: Literal["ab", "interleaving"] = "ab"
    salt: Name
    layer: Name
    buckets: tuple[int, int] = (0, BUCKETS)
    unit: Unit = Unit.USER
    audience: Audience = Audience()
    variant: tuple[Variant, ...] = Field(min_length=2, max_length=MOST_VARIANTS)
    control: str = ""
    start: Moment | None = None
    end: Moment | None = None
    ramp: tuple[RampStep, ...] = Field((), max_length=100)
    enabled: bool = True  # the kill switch: false, and nobody takes part

    @model_validator(mode="after")
    def _sound(self) -> "Experiment":
        first, until = self.buckets
        if not 0 <= first < until <= BUCKETS:
            raise ValueError(f"buckets {list(self.buckets)} must be [from, until] with 0 <= from < until <= {BUCKETS}")
        names = [v.name for v in self.variant]
        if len(set(names)) < len(names):
            raise ValueError(f"variant names repeat among {names}")
        if INTERLEAVED in names:
            raise ValueError(f"a variant cannot be called {INTERLEAVED!r}: that is what an interleaved feed is called")
        if self.control and self.control not in names:
            raise ValueError(f"control {self.control!r} is none of the variants {names}")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError(f"end {self.end.isoformat()} is not after start {self.start.isoformat()}")
        if any(b.at <= a.at or b.percent < a.percent for a, b in zip(self.ramp, self.ramp[1:], strict=False)):
            raise ValueError("ramp must go on in time and never down: a unit that is in stays in")
        self._check_interleaving() if self.kind == "interleaving" else self._check_weights()
        return self

    def _check_weights(self) -> None:
        absent = [v.name for v in self.variant if v.weight is None]
        if absent:
            raise ValueError(f"variant {absent[0]!r} has no weight; weights are percentages and sum to 100")
        total = sum(v.weight or 0.0 for v in self.variant)
        if abs(total - 100.0) > 1e-6:
            raise ValueError(
                f"weights sum to {total:g}, not to 100; to give an experiment less traffic use audience.percent or ramp"
            )

    def _check_interleaving(self) -> None:
        if len(self.variant) != 2:
            raise ValueError(f"an interleaving experiment has two variants, not {len(self.variant)}")
        if any(v.settings for v in self.variant):
            raise ValueError("variants of an interleaving experiment differ by model alone; settings need kind = 'ab'")
        if any(v.weight is not None for v in self.variant):
            raise ValueError("variants of an interleaving experiment have no weights: each feed is drafted by both")
        if self.variant[0].model == self.variant[1].model:
            raise ValueError("an interleaving experiment needs two different models")

    @property
    def control_variant(self) -> Variant:
        """What others are compared with, and what users of a variant that does not load are served."""
        return self.find(self.control) or self.variant[0]

    def find(self, variant: str) -> Variant | None:
        """The variant of this name, or None."""
        return next((v for v in self.variant if v.name == variant), None)

    def state(self, at: datetime) -> State:
        """Where it stands at an instant."""
        if not self.enabled:
            return State.KILLED
        if self.end is not None and self.end <= at:
            return State.ENDED
        return State.SCHEDULED if self.start is not None and at < self.start else State.RUNNING

    def has_begun(self, at: datetime) -> bool:
        """Whether anybody may have been exposed by then."""
        return self.start is None or self.start <= at

    def percent(self, at: datetime) -> float:
        """The share of units in its buckets that take part at an instant, 0..100."""
        if not self.ramp:
            return self.audience.percent
        reached = [step.percent for step in self.ramp if step.at <= at]
        return self.audience.percent * (reached[-1] if reached else 0.0) / 100.0

    @property
    def models(self) -> frozenset[str]:
        """The versions its variants name."""
        return frozenset(v.model for v in self.variant if v.model is not None)

    @property
    def touched(self) -> frozenset[str]:
        """The settings its variants change, and "model" where they differ by it."""
        settings = frozenset(name for v in self.variant for name in v.settings)
        return settings | {"model"} if self.models else settings


class Holdout(BaseModel):
    """Units that no experiment touches, for measuring what all of them together did."""

    model_config = FROZEN

    percent: Percent
    salt: Name
    unit: Unit = Unit.USER


class Shadow(BaseModel):
    """A challenger that scores what is served, and is never served itself."""

    model_config = FROZEN

    name: Name
    model: ModelVersion
    percent: Percent = 10.0  # of requests
    enabled: bool = True
