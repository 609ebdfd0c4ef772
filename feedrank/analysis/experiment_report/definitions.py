"""What an experiment is judged by: quantities, metrics and rules out of TOML, shipped or a team's own.

`metrics.toml` beside this file is what is shipped, and shows everything that can be said. Knows nothing of the log.
"""

import tomllib
from collections.abc import Sequence
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from feedrank.errors import InvalidInput
from feedrank.types import Action

SHIPPED = "metrics.toml"
RANK_MS = "rank_ms"
OF_SLATES = (
    *("count", "shown", "degraded", "diversity", "categorised", "sessions", "days", "returns"),
    *(RANK_MS, "timed"),
)
OF_EVENTS = ("count", "items", "value")
_CONFIG = ConfigDict(extra="forbid", frozen=True)


class Role(StrEnum):
    """What a metric is for."""

    PRIMARY = "primary"
    GUARDRAIL = "guardrail"
    SECONDARY = "secondary"


class Quantity(BaseModel):
    """A sum per user and day."""

    model_config = _CONFIG

    of: Literal["slates", "events"]
    measure: str
    action: str = ""
    answers: bool = False
    at_least: float | None = None  # an event of a smaller value does not count
    at_most: float | None = None  # a larger value counts as this one

    @model_validator(mode="after")
    def _sound(self) -> "Quantity":
        known = OF_SLATES if self.of == "slates" else OF_EVENTS
        if self.measure not in known:
            raise ValueError(f"measure {self.measure!r} of {self.of} is none of {', '.join(known)}")
        if (self.of == "events") != (self.action in Action.__members__):
            raise ValueError(f"action {self.action!r}: events take one of {', '.join(Action.__members__)}, slates none")
        if self.of == "slates" and (
            self.at_least is not None or (self.at_most is not None and self.measure != RANK_MS)
        ):
            raise ValueError(f"at_least and at_most go with events, and at_most with {RANK_MS} of slates")
        return self

    @property
    def counts(self) -> bool:
        """Whether it counts what happened, so that few of it are few events. A time that was taken is none."""
        return self.measure != RANK_MS


class Metric(BaseModel):
    """A ratio of two quantities summed over users, or a mean per user."""

    model_config = _CONFIG

    name: str = Field(pattern=r"^[a-z0-9_]{1,60}$")
    title: str
    numerator: str
    denominator: str = ""  # "": users
    direction: Literal["up", "down"] = "up"  # which way is better
    role: Role = Role.SECONDARY
    margin: float | None = Field(None, gt=0, lt=1)  # relative; of guardrails
    absolute_margin: float | None = Field(None, gt=0, allow_inf_nan=False)  # in the metric's unit; of guardrails
    if_logged: bool = False  # no metric where no slate of the experiment holds it, rather than one without a value
    effect: float | None = Field(None, gt=0)  # relative: what always-valid intervals are tuned to

    @model_validator(mode="after")
    def _sound(self) -> "Metric":
        if (self.role is Role.GUARDRAIL) != (self.margin is not None):
            raise ValueError("a guardrail has a margin by which it may get worse, and nothing else has")
        if self.absolute_margin is not None and self.role is not Role.GUARDRAIL:
            raise ValueError("absolute_margin goes beside the margin of a guardrail, and with nothing else")
        return self

    def tuned_to(self, planned_effect: float) -> float:
        """The relative effect that matters: its own, a guardrail's margin, or else the planned one."""
        return self.effect or self.margin or planned_effect

    @property
    def sign(self) -> int:
        """1 where more is better, else -1."""
        return 1 if self.direction == "up" else -1


class Rules(BaseModel):
    """What holds for the whole analysis."""

    model_config = _CONFIG

    bot_events_per_day: int = Field(1_000, ge=1)
    planned_effect: float = Field(0.02, gt=0, lt=10)
    before_days: int = Field(14, ge=0, le=365)


class Definitions(BaseModel):
    """Everything together."""

    model_config = _CONFIG

    quantity: dict[str, Quantity]
    metric: tuple[Metric, ...] = Field(min_length=1)
    rules: Rules = Rules()

    @field_validator("metric")
    @classmethod
    def _distinct(cls, metrics: tuple[Metric, ...]) -> tuple[Metric, ...]:
        names = [m.name for m in metrics]
        repeated = next((n for n in names if names.count(n) > 1), None)
        if repeated is not None:
            raise ValueError(f"two metrics are named {repeated!r}")
        return metrics

    @model_validator(mode="after")
    def _sound(self) -> "Definitions":
        for metric in self.metric:
            unknown = [q for q in (metric.numerator, metric.denominator) if q and q not in self.quantity]
            if unknown:
                raise ValueError(
                    f"metric {metric.name!r} names {unknown[0]!r}; quantities are {', '.join(sorted(self.quantity))}"
                )
        if not self.of_role(Role.PRIMARY):
            raise ValueError("no metric has role = 'primary': say what a launch hangs on")
        return self

    def of_role(self, role: Role) -> tuple[Metric, ...]:
        """The metrics of a role, in the order given."""
        return tuple(m for m in self.metric if m.role is role)


def load_definitions(extension: Path | None = None) -> Definitions:
    """The shipped definitions, extended by a team's file. InvalidInput names the file and what is wrong in it."""
    shipped = tomllib.loads(files(__package__).joinpath(SHIPPED).read_text(encoding="utf-8"))
    if extension is None:
        return Definitions.model_validate(shipped)
    try:
        given = tomllib.loads(extension.read_text(encoding="utf-8"))
        return Definitions.model_validate(_merged(shipped, given))
    except OSError as error:
        raise InvalidInput(f"--metrics {extension}: cannot be read ({error.strerror})") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"--metrics {extension}: is not valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ", ".join(_place(first["loc"], _merged(shipped, given)["metric"]))
        message = first["msg"].removeprefix("Value error, ")
        raise InvalidInput(f"--metrics {extension}: {where + ': ' if where else ''}{message}") from error


def _place(loc: tuple[int | str, ...], metrics: Sequence[Any]) -> list[str]:
    """Where something is wrong, a metric by its name rather than by its number."""
    match loc:
        case ("metric", int(n), *rest) if isinstance(metrics[n], dict) and "name" in metrics[n]:
            return [f"metric {metrics[n]['name']!r}", *map(str, rest)]
    return list(map(str, loc))


def _merged(shipped: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    replaced = {m.get("name") for m in given.get("metric", []) if isinstance(m, dict)}
    kept = [m for m in shipped["metric"] if m["name"] not in replaced]
    return {
        **given,
        "quantity": {**shipped["quantity"], **given.get("quantity", {})},
        "rules": {**shipped["rules"], **given.get("rules", {})},
        "metric": [*kept, *given.get("metric", [])],
    }
