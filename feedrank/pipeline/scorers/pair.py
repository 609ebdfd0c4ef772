"""Two models over the same candidates: the first's margin is the feed's score, the second's stands beside it.

For feeds that two models draft. Knows nothing of how they draft.
"""

from collections.abc import Mapping

import numpy as np

from feedrank.pipeline.margins import RIVAL
from feedrank.pipeline.stages import Scorer
from feedrank.types import F32, F64, I64


class PairScorer:
    """Reads what either model reads; explains by the first, whose margin the score is."""

    name = "pair"

    def __init__(self, first: Scorer, second: Scorer) -> None:
        self._first, self._second = first, second
        self.features = tuple(dict.fromkeys((*first.features, *second.features)))

    def score(self, rows: F32) -> Mapping[str, F64]:
        """{"margin", "rival"}: (n,) each, of rows (n, features)."""
        own = self._first.score(rows[:, self._columns(self._first)])
        rival = self._second.score(rows[:, self._columns(self._second)])
        return {**own, RIVAL: rival["margin"]}

    def contributions(self, rows: F32) -> F64:
        """The first model's, (n, features + 1); zero for what only the second reads."""
        columns = self._columns(self._first)
        own = self._first.contributions(rows[:, columns])
        out = np.zeros((len(rows), len(self.features) + 1))
        out[:, columns] = own[:, :-1]
        out[:, -1] = own[:, -1]
        return out

    def _columns(self, scorer: Scorer) -> I64:
        return np.array([self.features.index(name) for name in scorer.features], np.int64)
