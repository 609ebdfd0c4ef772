"""Whether a guardrail holds: shown to be worse by less than its relative margin, or than its absolute one.

A change below the absolute margin is immaterial whatever the ratio, which for rare events is all that a log can ever
show. So one margin is enough for a guardrail to hold, and only what is worse by more than both is violated. Each
margin is judged by a whole 95% interval, so that a guardrail at its margin is wrongly found to hold in at most 2.5% of
experiments by either. At the planned end of too few users for a metric's skewness, the interval is widened until it
needs no distribution's shape. Knows nothing of verdicts.
"""

from enum import StrEnum

from scipy import stats

from feedrank.analysis.experiment_report.definitions import Metric
from feedrank.analysis.experiment_report.readings import Bounds, Reading
from feedrank.analysis.statistics.checks import FEWEST_USERS

TAIL = 0.025  # beyond each end of a 95% interval
# Cantelli's inequality: a mean is off by k standard errors to one side with a probability of at most 1 / (1 + k^2),
# whatever its distribution. A fixed-horizon interval reaches to a normal quantile, or a little further.
WITHOUT_SHAPE = float(((1.0 - TAIL) / TAIL) ** 0.5 / stats.norm.isf(TAIL))


class Standing(StrEnum):
    """What is known of a guardrail."""

    HOLDS = "holds"
    VIOLATED = "violated"
    OPEN = "not shown"
    SILENT = "nothing seen"  # in either arm, and no absolute margin that says what nothing seen may hide


def standing(reading: Reading, final: bool) -> Standing:
    """By the intervals that decide. Comparisons with NaN are false: what is unknown is not shown."""
    metric = reading.metric
    if reading.silent and metric.absolute_margin is None:
        return Standing.SILENT
    relative, effect = reading.bounds(final), reading.effect_bounds(final)
    if not reading.usable:
        if not final or min(reading.users) < FEWEST_USERS:
            return Standing.OPEN
        relative, effect = _widened(relative), _widened(effect)
    losses = [(_loss(relative, metric), _margin(metric))]
    if metric.absolute_margin is not None:
        losses.append((_loss(effect, metric), metric.absolute_margin))
    if any(most < margin for (_, most), margin in losses):
        return Standing.HOLDS
    return Standing.VIOLATED if all(least > margin for (least, _), margin in losses) else Standing.OPEN


def margins(metric: Metric, joined: str = "or") -> str:
    """For people: "25%", or "25% or 0.001"."""
    beside = "" if metric.absolute_margin is None else f" {joined} {metric.absolute_margin:g}"
    return f"{_margin(metric):.0%}{beside}"


def counted(reading: Reading, final: bool, violated: bool = False) -> str:
    """What few events say: "hides by views: 1 in all, at most +0.0009", or where the guardrail is violated, how much
    at least. Empty where counts do not decide.
    """
    if reading.seen is None:
        return ""
    metric, (low, high) = reading.metric, reading.effect_bounds(final)
    edge = f"at most {high:+.2g}" if (metric.sign < 0) != violated else f"at least {low:+.2g}"
    what = f"{metric.numerator} by {metric.denominator}" if metric.denominator else metric.numerator
    return f"{what}: {sum(reading.seen):,} in all, {edge}{'' if metric.denominator else ' each'}"


def _loss(bounds: Bounds, metric: Metric) -> Bounds:
    """The interval turned so that more is worse."""
    low, high = bounds
    return (low, high) if metric.sign < 0 else (-high, -low)


def _widened(bounds: Bounds) -> Bounds:
    """The fixed-horizon interval without a normal's shape, about the same centre."""
    low, high = bounds
    centre, half = (low + high) / 2.0, (high - low) / 2.0 * WITHOUT_SHAPE
    return centre - half, centre + half


def _margin(metric: Metric) -> float:
    assert metric.margin is not None, "definitions give every guardrail a margin"
    return metric.margin
