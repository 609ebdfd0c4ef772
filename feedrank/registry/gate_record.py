"""What is kept of a gate's decision beside the change of an alias it led to.

Knows nothing of how a decision is reached.
"""

from pydantic import BaseModel, ConfigDict

from feedrank.types import Micros


class Compared(BaseModel):
    """One metric of challenger and champion on the same impressions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str
    challenger: float
    champion: float
    difference: float  # challenger minus champion
    low: float  # of the 95% interval of the difference
    high: float


class GuardrailRecord(BaseModel):
    """One audit guardrail of the challenger."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    value: float | None  # None: it could not be measured, and passes
    limit: float
    passed: bool


class GateRecord(BaseModel):
    """Who was compared with whom, on what, what came of it, and what was overruled."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    challenger: str  # NAME@VERSION
    champion: str  # "" where there was none
    outcome: str  # "better", "not worse", "worse", "unproven", or "not compared"
    start: Micros = 0  # the held-out period; 0 and 0 where nothing was compared
    until: Micros = 0
    counter_delay_s: float = 0.0
    impressions: int = 0
    users: int = 0
    measures: tuple[Compared, ...] = ()
    guardrails: tuple[GuardrailRecord, ...] = ()
    against: tuple[str, ...] = ()  # each completes "it ..."; empty for one that passed
    forced: bool = False
