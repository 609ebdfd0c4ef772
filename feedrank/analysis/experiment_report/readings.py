"""Every metric of every treatment against the control: values, effects, intervals, p values.

Knows nothing of verdicts or of pages.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from feedrank.analysis.experiment_report.definitions import Metric
from feedrank.analysis.experiment_report.ledger import Ledger
from feedrank.analysis.statistics import (
    Correction,
    Difference,
    Moments,
    adjusted,
    compare,
    half_width,
    influence,
    mixture_variance,
    p_value,
    planned_se,
    skewness,
    users_at_least,
    users_needed,
)
from feedrank.types import F64, Bools

Bounds = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric of one treatment against the control. Effects and intervals are relative, but for `effect`.

    `fixed` is right for one look at a time chosen beforehand, `sequential` for any number of looks. NaN where the
    metric has no value.
    """

    metric: Metric
    treatment: str
    control_value: float
    treatment_value: float
    effect: float  # in the metric's unit
    relative: float
    fixed: Bounds
    sequential: Bounds
    p_fixed: float
    p_sequential: float
    reduction: float  # of the variance, by CUPED
    users: tuple[int, int]  # control, treatment
    needed: int  # users an arm for the normal approximation
    p_adjusted: float = float("nan")  # of the test that decides, within the metric's role

    @property
    def enough(self) -> bool:
        """Whether there are users enough for intervals to be taken at their word; the report warns of it if not."""
        return min(self.users) >= self.needed

    @property
    def usable(self) -> bool:
        """Whether there are users enough for a verdict."""
        return min(self.users) >= users_at_least(self.needed)

    @property
    def silent(self) -> bool:
        """Whether nothing of it was seen in either arm: neither shown to be harmed nor shown to be safe."""
        return self.control_value == 0.0 and self.treatment_value == 0.0

    def bounds(self, final: bool) -> Bounds:
        """The interval that decides: fixed-horizon at the end planned beforehand, else always-valid."""
        return self.fixed if final else self.sequential

    def as_json(self) -> dict[str, object]:
        """For machines."""
        return {
            "metric": self.metric.name,
            "role": self.metric.role.value,
            "treatment": self.treatment,
            "control_value": self.control_value,
            "treatment_value": self.treatment_value,
            "effect": self.effect,
            "relative": self.relative,
            "fixed": list(self.fixed),
            "sequential": list(self.sequential),
            "p_fixed": self.p_fixed,
            "p_sequential": self.p_sequential,
            "p_adjusted": self.p_adjusted,
            "variance_reduction": self.reduction,
            "users": list(self.users),
            "users_needed": self.needed,
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
    metric: Metric, treatment: str, columns: F64, arms: tuple[Bools, Bools], planned_effect: float
) -> Reading | None:
    """One reading from per-unit columns (n, 4) and who is in control and in the treatment. None for an empty arm."""
    control, treated = (columns[members] for members in arms)
    if min(len(control), len(treated)) < 2:
        return None
    difference = compare(Moments.of(control), Moments.of(treated))
    tuned_to = metric.tuned_to(planned_effect)
    mixture = mixture_variance(planned_se(tuned_to))
    half = float(half_width(difference.relative_se, mixture))
    relative = float(difference.relative)
    low, high = difference.relative_interval()
    return Reading(
        metric,
        treatment,
        float(difference.control.value),
        float(difference.treatment.value),
        float(difference.effect),
        relative,
        (float(low), float(high)),
        (relative - half, relative + half),
        float(difference.p_value()),
        float(_always_valid_p(difference, tuned_to)),
        float(difference.reduction),
        (len(control), len(treated)),
        max(_needed(control), _needed(treated)),
    )


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


def _needed(columns: F64) -> int:
    if not columns[:, 1].any():
        return users_needed(0.0)
    return users_needed(skewness(influence(columns)))
