"""A claim put to the test: what was measured, how sure that is, and what should have come out.

Knows nothing of how it was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from statsmodels.stats.proportion import proportion_confint

from feedrank.analysis.page import Table


@dataclass(frozen=True, slots=True)
class Claim:
    """`measured` must lie in [at_least, at_most]; [low, high] is its own 95% interval, by simulation noise alone."""

    what: str
    target: str
    measured: float
    low: float
    high: float
    at_least: float
    at_most: float

    @property
    def holds(self) -> bool:
        """Whether the figure is where it should be."""
        return self.at_least <= self.measured <= self.at_most

    def as_json(self) -> dict[str, object]:
        """For machines."""
        return {
            "what": self.what,
            "target": self.target,
            "measured": self.measured,
            "interval": [self.low, self.high],
            "holds": self.holds,
        }


def rate(what: str, target: str, hits: int, total: int, at_least: float, at_most: float) -> Claim:
    """A claim about a share, with its exact (Clopper and Pearson) interval."""
    low, high = proportion_confint(hits, total, alpha=0.05, method="beta")
    return Claim(what, target, hits / total, float(low), float(high), at_least, at_most)


def table(claims: Sequence[Claim], caption: str = "", decimals: int = 4) -> Table:
    """Claims as a table of a report."""
    rows = [
        (c.what, c.target, "yes" if c.holds else "NO", c.measured, f"{c.low:.{decimals}f} to {c.high:.{decimals}f}")
        for c in claims
    ]
    return Table(("what", "target", "holds", "measured", "95% interval"), rows, caption, decimals)
