"""The verdict on a treatment, in one sentence: ship, do not ship, keep running or broken, and why.

In this order. A broken experiment has no verdict. Far too few users for the metrics' skewness: keep running. A primary
metric that is worse, or a guardrail that is worse than its margin, stops it. A primary metric that is better ships it,
if every guardrail is shown to be within its margin. Otherwise it runs on, until the end planned beforehand, or until an
effect as large as the planned one is ruled out. "Shown" means by intervals that are right for all looks so far,
corrected over the primary metrics (Holm); at the end planned beforehand, by the fixed-horizon ones. That all guardrails
hold needs no correction: each must be shown by itself. Knows nothing of the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from feedrank.analysis.experiment_report.definitions import Role
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


def judge(treatment: str, health: Health, readings: Sequence[Reading], planned_effect: float, final: bool) -> Verdict:
    """The verdict by this treatment's readings, whose p values are adjusted. `final`: at the end planned beforehand."""
    decision, why = _judge(health, readings, planned_effect, final)
    return Verdict(treatment, decision, why)


def _judge(health: Health, readings: Sequence[Reading], planned: float, final: bool) -> tuple[Decision, str]:
    if health.broken:
        return Decision.BROKEN, "; ".join(health.broken)
    primary, guardrails = of_role(readings, Role.PRIMARY), of_role(readings, Role.GUARDRAIL)
    if not primary or any(r.p_adjusted != r.p_adjusted for r in primary):
        return Decision.WAIT, "a primary metric has no value yet: nobody did what it counts"
    short = max(primary, key=lambda r: r.needed - min(r.users))
    if not short.usable:
        fewest = users_at_least(short.needed)
        return Decision.WAIT, f"{_name(short)} needs at least {fewest:,} users an arm, and has {min(short.users):,}"
    worse = [r for r in primary if r.p_adjusted < ALPHA and r.relative * r.metric.sign < 0]
    if worse:
        return Decision.STOP, f"{_name(worse[0])} got worse, {_effect(worse[0], final)}"
    violated = [r for r in guardrails if r.usable and _gain(r, final)[1] < -_margin(r)]
    if violated:
        r = violated[0]
        return Decision.STOP, f"{_name(r)} got worse by more than {_margin(r):.0%}, {_effect(r, final)}"
    better = [r for r in primary if r.p_adjusted < ALPHA and r.relative * r.metric.sign > 0]
    if better:
        return _judge_better(better[0], guardrails, final)
    return _judge_undecided(primary, planned, final)


def _judge_better(best: Reading, guardrails: Sequence[Reading], final: bool) -> tuple[Decision, str]:
    gain = f"{_name(best)} is better, {_effect(best, final)}"
    silent = [r for r in guardrails if r.silent]
    speaking = [r for r in guardrails if not r.silent]
    unproven = [r for r in speaking if not r.usable or not _gain(r, final)[0] > -_margin(r)]
    if not unproven:
        unseen = f"; of {' and '.join(map(_name, silent))} nothing was seen in either arm" if silent else ""
        return Decision.SHIP, f"{gain}, and every guardrail is within its margin{unseen}"
    r = unproven[0]
    doubt = f"{_name(r)} is not shown to be within its margin of {_margin(r):.0%} ({_effect(r, final)})"
    return (Decision.STOP if final else Decision.WAIT), f"{gain}, but {doubt}"


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


def _margin(reading: Reading) -> float:
    margin = reading.metric.margin
    assert margin is not None, "definitions give every guardrail a margin"
    return margin


def _name(reading: Reading) -> str:
    return f"“{reading.metric.title}”"


def _effect(reading: Reading, final: bool) -> str:
    low, high = reading.bounds(final)
    return f"by {reading.relative:+.1%} (95% interval {low:+.1%} to {high:+.1%})"
