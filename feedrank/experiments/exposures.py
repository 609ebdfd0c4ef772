"""Exposures: what each experiment made of one slate, and how a slate keeps it.

Whoever analyses an experiment reads slates through `exposures_of`. Knows nothing of
definitions or of how variants are assigned.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from feedrank.v1 import log_pb2 as log


@dataclass(frozen=True, slots=True)
class Exposure:
    """One experiment's part in one slate."""

    experiment: str
    assigned: str  # variant
    served: str  # variant the slate was made with; "" for none
    unit: str  # what was hashed: "user", "session" or "request"
    overridden: bool = False  # asked for by the caller

    @property
    def fell_back(self) -> bool:
        """The assigned variant did not load, and another, or none, was served."""
        return self.served != self.assigned

    @property
    def clean(self) -> bool:
        """Whether the slate may be counted for its variant: assigned by hash, and served."""
        return not self.overridden and not self.fell_back


def variants_of(exposures: Iterable[Exposure]) -> dict[str, str]:
    """The variants a slate was made with, by experiment: what the reply shows."""
    return {e.experiment: e.served for e in exposures if e.served}


def exposures_of(slate: log.Slate) -> tuple[Exposure, ...]:
    """The exposures a slate was logged with."""
    return tuple(Exposure(e.experiment, e.assigned, e.served, e.unit, e.overridden) for e in slate.exposures)


def logged(exposures: Iterable[Exposure]) -> list[log.Exposure]:
    """Exposures in the slate's log form."""
    return [
        log.Exposure(
            experiment=e.experiment, assigned=e.assigned, served=e.served, unit=e.unit, overridden=e.overridden
        )
        for e in exposures
    ]
