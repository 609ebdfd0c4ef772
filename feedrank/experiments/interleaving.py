"""Attribution of an interleaved feed: a click is a point for the team that drafted the item.

Radlinski, Kurup, Joachims: "How Does Clickthrough Data Reflect Retrieval Quality?", CIKM 2008. A user prefers the team
with more points over all the user's interleaved feeds; users who prefer neither are ties. Knows nothing of how teams
draft, or of statistics over users.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from feedrank.v1 import log_pb2 as log


@dataclass(frozen=True, slots=True)
class Credit:
    """Clicks by the team that drafted what was clicked: of the first variant, and of the second."""

    first: int = 0
    second: int = 0

    def __add__(self, other: "Credit") -> "Credit":
        return Credit(self.first + other.first, self.second + other.second)

    @property
    def preference(self) -> int:
        """1 for the first variant, -1 for the second, 0 for neither."""
        return (self.first > self.second) - (self.first < self.second)


def credit_of(slate: log.Slate, clicked_rows: Collection[int]) -> Credit:
    """The points of one slate, by the catalog rows that were clicked on it. Pinned places belong to no team."""
    points = [0, 0, 0]
    for place, team in zip(slate.shown, slate.teams, strict=False):  # a slate that was not interleaved has no teams
        points[team] += slate.candidate_rows[place] in clicked_rows
    return Credit(points[1], points[2])


def total(credits: Iterable[Credit]) -> Credit:
    """The points of several slates: of one user's for the user's preference."""
    return sum(credits, Credit())
