"""Every metric of every treatment against the control: values, effects, intervals, p values.

Knows nothing of verdicts or of pages.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from feedrank.analysis.experiment_report.definitions import Metric, Role
from feedrank.analysis.experiment_report.ledger import Ledger
from feedrank.analysis.statistics import (
    Correction,
    Difference,
    Moments,
    Tally,
    adjusted,
    compare,
    excess,
    excess_always,
    half_width,
    influence,
    mixture_variance,
    p_value,
    planned_se,
    relative_excess,
    skewness,
    users_at_least,
    users_needed,
)
from feedrank.analysis.statistics.checks import FEWEST_USERS
from feedrank.types import F64, Bools

Bounds = tuple[float, float]
UNKNOWN = float("nan")
ANY_SCALE = 1.0  # what always-valid intervals of few events are tuned to where no absolute margin says what matters


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric of one treatment against the control. `relative`, `fixed` and `sequential` are shares of control's
    value; `effect` and the intervals named after it are in the metric's unit.

    `fixed` is right for one look at a time chosen beforehand, `sequential` for any number of looks. NaN where the
    metric has no value. A guardrail on something that few users did (`seen`) has its intervals from counts, and no p.
    """

    metric: Metric
    treatment: str
    control_value: float
    treatment_value: float
    effect: float  # in the metric's unit
    relative: float
    fixed: Bounds
    sequential: Bounds
    effect_fixed: Bounds
    effect_sequential: Bounds
    p_fixed: float
    p_sequential: float
    reduction: float  # of the variance, by CUPED
    users: tuple[int, int]  # control, treatment
    needed: int  # users an arm for the normal approximation
    seen: tuple[int, int] | None = None  # events in control and treatment, where counts decide
    p_adjusted: float = UNKNOWN  # of the test that decides, within the metric's role

    @property
    def enough(self) -> bool:
        """Whether there are users enough for intervals to be taken at their word; the report warns of it if not."""
        return self.seen is not None or min(self.users) >= self.needed

    @property
    def usable(self) -> bool:
        """Whether there are users enough for a verdict."""
        return self.seen is not None or min(self.users) >= users_at_least(self.needed)

    @property
    def silent(self) -> bool:
        """Whether nothing of it was seen in either arm: neither shown to be harmed nor shown to be safe."""
        return self.control_value == 0.0 and self.treatment_value == 0.0

    def bounds(self, final: bool) -> Bounds:
        """The interval that decides: fixed-horizon at the end planned beforehand, else always-valid."""
        return self.fixed if final else self.sequential

    def effect_bounds(self, final: bool) -> Bounds:
        """The same in the metric's unit."""
        return self.effect_fixed if final else self.effect_sequential

    def as_json(self) -> dict[str, object]:
        """For machines; null is what is not known, or an end that is unbounded."""
        return {
            "metric": self.metric.name,
            "role": self.metric.role.value,
            "treatment": self.treatment,
            "control_value": _known(self.control_value),
            "treatment_value": _known(self.treatment_value),
            "effect": _known(self.effect),
            "relative": _known(self.relative),
            "fixed": [_known(x) for x in self.fixed],
            "sequential": [_known(x) for x in self.sequential],
            "effect_fixed": [_known(x) for x in self.effect_fixed],
            "effect_sequential": [_known(x) for x in self.effect_sequential],
            "p_fixed": _known(self.p_fixed),
            "p_sequential": _known(self.p_sequential),
            "p_adjusted": _known(self.p_adjusted),
            "variance_reduction": _known(self.reduction),
            "users": list(self.users),
            "users_needed": self.needed,
            "events_seen": None if self.seen is None else list(self.seen),
        }


def columns_of(metric: Metric, ledger: Ledger, through_day: int | None = None) -> F64:
    """(units, 4): numerator, denominator, and both before the experiment."""
    ones = np.ones(ledger.units)
    named = metric.denominator
    return np.stack(
        [
            ledger.totals(metric.numerator, through_day),
            ledger.totals(named, through_day) if named else ones,
            ledger.before(metric.numerator),
            ledger.before(named) if named else ones,
        ],
        axis=1,
    )


def read(
    metric: Metric,
    treatment: str,
    columns: F64,
    arms: tuple[Bools, Bools],
    planned_effect: float,
    counts: bool = True,
) -> Reading | None:
    """One reading from per-unit columns (n, 4) and who is in control and in the treatment. None for an empty arm.

    `counts`: whether the numerator counts events, which decide where they are few.
    """
    control, treated = (columns[members] for members in arms)
    if min(len(control), len(treated)) < 2:
        return None
    difference = compare(Moments.of(control), Moments.of(treated))
    tuned_to = metric.tuned_to(planned_effect)
    half = float(half_width(difference.relative_se, mixture_variance(planned_se(tuned_to))))
    material = metric.absolute_margin or tuned_to * difference.control.value
    effect_half = float(half_width(difference.se, mixture_variance(planned_se(material))))
    relative, effect = float(difference.relative), float(difference.effect)
    reading = Reading(
        metric,
        treatment,
        float(difference.control.value),
        float(difference.treatment.value),
        effect,
        relative,
        _bounds(difference.relative_interval()),
        (relative - half, relative + half),
        _bounds(difference.interval()),
        (effect - effect_half, effect + effect_half),
        float(difference.p_value()),
        float(_always_valid_p(difference, tuned_to)),
        float(difference.reduction),
        (len(control), len(treated)),
        max(_needed(control), _needed(treated)),
    )
    return _counted(reading, control, treated) if counts and metric.role is Role.GUARDRAIL else reading


def with_adjusted(readings: Sequence[Reading], final: bool, correction: Correction) -> tuple[Reading, ...]:
    """The same with p values adjusted over all of them: of the fixed-horizon test if `final`, else always valid."""
    p = adjusted([r.p_fixed if final else r.p_sequential for r in readings], correction)
    return tuple(replace(r, p_adjusted=float(value)) for r, value in zip(readings, p, strict=True))


def of_role(readings: Iterable[Reading], *roles: str) -> list[Reading]:
    """Readings of metrics of these roles."""
    return [r for r in readings if r.metric.role in roles]


def _always_valid_p(difference: Difference, tuned_to: float) -> F64:
    if not difference.se > 0:  # nothing varies: as with the fixed test
        return difference.p_value()
    mixture = mixture_variance(planned_se(tuned_to * difference.control.value))
    return p_value(difference.effect, difference.se, mixture)


def _counted(reading: Reading, control: F64, treated: F64) -> Reading:
    """The same with intervals from counts, without covariates, where fewer than FEWEST_USERS users of an arm did it:
    what no normal approximation is taken at its word for.
    """
    arms = (control, treated)
    doers = min(int((arm[:, 0] > 0).sum()) for arm in arms)
    if doers >= FEWEST_USERS or any((arm[:, 0] < 0).any() or not arm[:, 1].any() for arm in arms):
        return reading
    c, t = (Tally.of(arm) for arm in arms)
    scale = reading.metric.absolute_margin or ANY_SCALE

    def fixed(ratio: float) -> Bounds:
        return _bounds(excess(c, t, ratio))

    def always(ratio: float) -> Bounds:
        return _bounds(excess_always(c, t, scale, ratio))

    effect = float(t.rate - c.rate)
    return replace(
        reading,
        control_value=float(c.rate),
        treatment_value=float(t.rate),
        effect=effect,
        relative=effect / float(c.rate) if c.rate > 0 else UNKNOWN,
        fixed=relative_excess(fixed),
        sequential=relative_excess(always),
        effect_fixed=fixed(1.0),
        effect_sequential=always(1.0),
        p_fixed=UNKNOWN,
        p_sequential=UNKNOWN,
        reduction=0.0,
        seen=(round(float(c.events)), round(float(t.events))),
    )


def _bounds(interval: tuple[F64, F64]) -> Bounds:
    low, high = interval
    return float(low), float(high)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _needed(columns: F64) -> int:
    if not columns[:, 1].any():
        return users_needed(0.0)
    return users_needed(skewness(influence(columns)))
