"""Team-draft interleaving: two models fill one feed in turn, and the log keeps who drafted what.

Radlinski, Kurup, Joachims: "How Does Clickthrough Data Reflect Retrieval Quality?", CIKM 2008. The team with fewer
picks drafts next; where both have as many, a coin says who. A team drafts the best allowed candidate by its own scores,
under the same diversity, pins and caps as any feed. Knows nothing of clicks.
"""

import numpy as np

from feedrank.pipeline.margins import RIVAL, sunk
from feedrank.pipeline.selectors.filling import Pick
from feedrank.pipeline.selectors.mmr import Diversity
from feedrank.pipeline.stages import Scores
from feedrank.types import F64, Bools

COIN_STREAM = 2  # keeps the coins apart from other randomness of the request


def rival_scores(scores: Scores) -> F64:
    """What the second team orders by, (n,): its own margin plus the rule terms, which are both teams'."""
    final = sunk(scores.columns[RIVAL])
    for name, term in scores.columns.items():
        if name.startswith("rule:"):
            final = final + term
    return final


class TeamDraft:
    """Fills places for two teams. `seed` is the request's."""

    def __init__(self, first: Diversity, second: Diversity, seed: int) -> None:
        self._teams = (first, second)
        self._picks = [0, 0]
        self._coin = np.random.default_rng([seed, COIN_STREAM])

    def pick(self, place: int, allowed: Bools) -> Pick:
        """The next team's best. Where a coin decided, the propensity counts both ways it could have fallen."""
        wanted = [team.best(allowed) for team in self._teams]
        if wanted[0] < 0:
            return Pick(-1)
        tossed = self._picks[0] == self._picks[1]
        turn = int(self._coin.integers(2)) if tossed else int(self._picks[0] > self._picks[1])
        self._picks[turn] += 1
        differ = tossed and wanted[0] != wanted[1]
        return Pick(wanted[turn], 0.5 if differ else 1.0, differ, turn + 1)

    def stand(self, chosen: int) -> None:
        for team in self._teams:
            team.place(chosen)
