"""The audit's guardrails for a challenger: its own order of what was seen, whoever served it.

Knows nothing of champions.
"""

from dataclasses import replace

from feedrank.registry import GuardrailRecord
from feedrank.training.audit.audit import audit
from feedrank.training.audit.settings import AuditSettings
from feedrank.training.gate.contest import Contest
from feedrank.training.period import Period

AUDITED = ("history_size", "age_hours", "hour", "device")  # what groups of users and items are made by


def guardrails(period: Period, found: Contest, limits: AuditSettings) -> tuple[GuardrailRecord, ...]:
    """What contestant `a` makes of each limit, over the contest's impressions, with AUDITED among its columns."""
    in_its_order = [replace(example, slate=None) for example in period.examples]
    until = int(found.data.times[-1]) + 1
    result = audit(replace(period, examples=in_its_order), found.data, found.margins[0], until, limits)
    return tuple(
        GuardrailRecord(name=g.name, value=None if g.value != g.value else g.value, limit=g.limit, passed=g.passed)
        for g in result.guardrails
    )
