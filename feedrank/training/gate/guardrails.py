"""The audit's guardrails for a challenger: its own order of what was seen, whoever served it, and its groups of users
beside the champion's.

Knows nothing of what follows from a failed one.
"""

from dataclasses import replace

from feedrank.registry import GuardrailRecord
from feedrank.training.audit.audit import audit
from feedrank.training.audit.settings import AuditSettings
from feedrank.training.audit.users import Reference
from feedrank.training.gate.contest import Contest
from feedrank.training.period import Period

AUDITED = ("history_size", "age_hours", "hour", "device")  # what groups of users and items are made by


def guardrails(period: Period, found: Contest, limits: AuditSettings) -> tuple[GuardrailRecord, ...]:
    """What contestant `a` makes of each limit, over the contest's impressions, with AUDITED among its columns; what it
    may add to a group's distance behind the others is measured against `b`.
    """
    in_its_order = [replace(example, slate=None) for example in period.examples]
    until = int(found.data.times[-1]) + 1
    mine, champions = found.margins
    champion = Reference(found.b.reference, champions)
    result = audit(replace(period, examples=in_its_order), found.data, mine, until, limits, champion)
    return tuple(
        GuardrailRecord(name=g.name, value=None if g.value != g.value else g.value, limit=g.limit, passed=g.passed)
        for g in result.guardrails
    )
