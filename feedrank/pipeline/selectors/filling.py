"""Who fills a place that no pin holds: the contract between the feed selector and its ways of choosing.

Knows nothing of pins, caps or pages: what may stand in a place is told as a mask.
"""

from dataclasses import dataclass
from typing import Protocol

from feedrank.pipeline.selectors.mmr import Diversity
from feedrank.types import Bools


@dataclass(frozen=True, slots=True)
class Pick:
    """What fills a place: a candidate's index, -1 for none, and its probability there given the places above."""

    chosen: int
    propensity: float = 1.0
    drawn: bool = False  # at random
    team: int = 0  # that drafted it: 1 or 2 in an interleaved feed


class Filling(Protocol):
    """Fills one feed's places in order."""

    def pick(self, place: int, allowed: Bools) -> Pick:
        """The candidate for a place (1-based) among those allowed there, (n,)."""
        ...

    def stand(self, chosen: int) -> None:
        """Notes that a candidate now stands, picked here or pinned."""
        ...


class Greedy:
    """The allowed candidate of highest marginal relevance, always."""

    def __init__(self, diversity: Diversity) -> None:
        self._diversity = diversity

    def pick(self, place: int, allowed: Bools) -> Pick:
        return Pick(self._diversity.best(allowed))

    def stand(self, chosen: int) -> None:
        self._diversity.place(chosen)
