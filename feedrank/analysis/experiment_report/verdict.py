"""The verdict on a treatment, in one sentence: ship, do not ship, keep running or broken, and why.

In this order. A broken experiment has no verdict. Far too few users for the metrics' skewness: keep running. A primary
metric that is worse, or a guardrail that is violated, stops it. A primary metric that is better ships it, if every
guardrail is shown to hold (see guardrails.py). Otherwise it runs on, until the end planned beforehand, or until an
effect as large as the planned one is ruled out. "Shown" means by intervals that are right for all looks so far,
corrected over the primary metrics (Holm); at the end planned beforehand, by the fixed-horizon ones. That all guardrails
hold needs no correction: each must be shown by itself. Knows nothing of the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from feedrank.analysis.experiment_report.definitions import Metric, Role
from feedrank.analysis.experiment_report.guardrails import Standing, counted, margins, standing
from feedrank.analysis.experiment_report.health import Health
from feedrank.analysis.experiment_report.readings import Bounds, Reading, of_role
from feedrank.analysis.statistics import users_at_least
from feedrank.analysis.statistics.sequential import ALPHA


class Decision(StrEnum):
    """What to do."""

    SHIP = "ship"
    STOP = "do not ship"
    WAIT = "keep running"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision on one treatment and its reason."""

    treatment: str
    decision: Decision
    why: str

    @property
    def sentence(self) -> str:
        """For people."""
        return f"{self.decision.value.capitalize()} {self.treatment!r}: {self.why}."


def judge(
    treatment: str,
    health: Health,
    readings: Sequence[Reading],
    planned_effect: float,
    final: bool,
    unlogged: Sequence[Metric] = (),
) -> Verdict:
    """The verdict by this treatment's readings, whose p values are adjusted. `final`: at the end planned beforehand.
    `unlogged`: metrics that the log says nothing of; a launch is not held up by them, and says so of guardrails.
    """
    decision, why = _judge(health, readings, planned_effect, final)
    unguarded = [f"“{m.title}”" for m in unlogged if m.role is Role.GUARDRAIL]
    if decision is Decision.SHIP and unguarded:
        why += f"; the log does not hold {' and '.join(unguarded)}"
    return Verdict(treatment, decision, why)


def _judge(health: Health, readings: Sequence[Reading], planned: float, final: bool) -> tuple[Decision, str]:
    if health.broken:
        return Decision.BROKEN, "; ".join(health.broken)
    primary, guardrails = of_role(readings, Role.PRIMARY), of_role(readings, Role.GUARDRAIL)
    if not primary or any(r.p_adjusted != r.p_adjusted for r in primary):
        return Decision.WAIT, "a primary metric has no value yet: nobody did what it counts"
    short = max(primary, key=lambda r: r.needed - min(r.users))
    if not short.usable:
        return Decision.WAIT, _needs(short)
    worse = [r for r in primary if r.p_adjusted < ALPHA and r.relative * r.metric.sign < 0]
    if worse:
        return Decision.STOP, f"{_name(worse[0])} got worse, {_effect(worse[0], final)}"
    stands = [(r, standing(r, final)) for r in guardrails]
    violated = [r for r, stand in stands if stand is Standing.VIOLATED]
    if violated:
        r = violated[0]
        return Decision.STOP, f"{_name(r)} got worse by more than {margins(r.metric, 'and')}, {_seen(r, final, True)}"
    better = [r for r in primary if r.p_adjusted < ALPHA and r.relative * r.metric.sign > 0]
    if better:
        return _judge_better(better[0], stands, final)
    return _judge_undecided(primary, planned, final)


def _judge_better(best: Reading, stands: Sequence[tuple[Reading, Standing]], final: bool) -> tuple[Decision, str]:
    gain = f"{_name(best)} is better, {_effect(best, final)}"
    unproven = [r for r, stand in stands if stand is Standing.OPEN]
    if unproven:
        doubts = "; ".join(_doubt(r, final) for r in unproven)
        return (Decision.STOP if final else Decision.WAIT), f"{gain}, but {doubts}"
    few = [text for r, stand in stands if stand is Standing.HOLDS and (text := counted(r, final))]
    silent = [_name(r) for r, stand in stands if stand is Standing.SILENT]
    shown = f" ({'; '.join(few)})" if few else ""
    unseen = f"; of {' and '.join(silent)} nothing was seen in either arm" if silent else ""
    return Decision.SHIP, f"{gain}, and every guardrail is within its margin{shown}{unseen}"


def _doubt(reading: Reading, final: bool) -> str:
    if reading.control_value != reading.control_value or reading.treatment_value != reading.treatment_value:
        return f"{_name(reading)}, a guardrail, has no value in one arm: nothing of what it counts by was seen there"
    if not reading.usable:
        return _needs(reading)
    return (
        f"{_name(reading)} is not shown to be within its margin of {margins(reading.metric)} ({_seen(reading, final)})"
    )


def _judge_undecided(primary: Sequence[Reading], planned: float, final: bool) -> tuple[Decision, str]:
    r = primary[0]
    if all(_gain(r, final)[1] < planned for r in primary):
        return Decision.STOP, f"a gain of {planned:.0%} in {_name(r)} is ruled out, {_effect(r, final)}"
    if final:
        return Decision.STOP, f"at the planned end no difference is shown in {_name(r)}, {_effect(r, final)}"
    return Decision.WAIT, f"no difference is shown yet in {_name(r)}, {_effect(r, final)}"


def _gain(reading: Reading, final: bool) -> Bounds:
    """The interval turned so that more is better. Comparisons with NaN are false: what is unknown is not shown."""
    low, high = reading.bounds(final)
    return (low, high) if reading.metric.sign > 0 else (-high, -low)


def _needs(reading: Reading) -> str:
    fewest = users_at_least(reading.needed)
    return f"{_name(reading)} needs at least {fewest:,} users an arm, and has {min(reading.users):,}"


def _name(reading: Reading) -> str:
    return f"“{reading.metric.title}”"


def _effect(reading: Reading, final: bool) -> str:
    low, high = reading.bounds(final)
    return f"by {reading.relative:+.1%} (95% interval {low:+.1%} to {high:+.1%})"


def _seen(reading: Reading, final: bool, violated: bool = False) -> str:
    return counted(reading, final, violated) or _effect(reading, final)
