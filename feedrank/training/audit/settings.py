"""What an audit holds a model to: a few limits, declared in one place, and the typed result of each.

Knows nothing of how a value is measured.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from feedrank.errors import InvalidInput


class AuditSettings(BaseModel):
    """Limits of an audit; None: measured, not held to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # The chance, over one audit, that any group of users not behind is reported; likewise for groups of items.
    false_alarms: float = Field(0.05, gt=0, lt=1)
    # AUC points a group of users may be below the others before it is said to be behind. AUC, since its chance level is
    # the same however many items a group is shown. .02 is about a third of what the model wins over popularity on
    # EB-NeRD.
    user_gap: float = Field(0.02, ge=0)
    # AUC points a ranking may add to that distance beside a reference ranking of the same impressions, the champion or
    # the best baseline. Readers who are hard to rank for lag under any; a limit on the lag itself refused every model.
    added_gap: float = Field(0.02, ge=0)
    fewest_users: int = Field(30, ge=2)  # a smaller group is reported, not judged: its error is not known well enough
    # The least attention a guarded group of items may get, as a part of its quality-weighted supply.
    exposure_floor: float = Field(0.5, ge=0)
    guarded: tuple[str, ...] = ("source", "region", "publisher size: small", "item age: new")  # GROUPING[: VALUE]
    near_duplicates: float | None = Field(0.5, ge=0)  # pairs in the top 10, on average
    coverage: float | None = Field(None, ge=0, le=1)  # at least
    gini: float | None = Field(None, ge=0, le=1)  # at most
    novelty: float | None = Field(None, ge=0)  # bits, at least
    intra_list_distance: float | None = Field(None, ge=0)  # at least
    miscalibration: float | None = Field(None, ge=0)  # Steck's KL in nats, at most


@dataclass(frozen=True, slots=True)
class Guardrail:
    """One limit and whether it held. NaN values were not measurable; they pass, and say so."""

    name: str
    value: float
    limit: float
    passed: bool


def read_audit_settings(path: Path) -> AuditSettings:
    """The settings of a TOML file. InvalidInput if it cannot be read, ValidationError for a wrong name or value."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"audit settings {path}: {error}") from error
    return AuditSettings.model_validate(values)
