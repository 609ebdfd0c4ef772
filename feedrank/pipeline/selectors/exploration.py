"""Exploration: places drawn at random, each with the probability of what was drawn, so that the log can judge others.

Two ways. An epsilon slice draws a place uniformly now and then. Plackett-Luce draws every place in proportion to
exp(relevance / temperature) among what the constraints allow there and the places above have left, by adding Gumbel
noise and taking the highest (Kool, van Hoof, Welling: "Stochastic Beams and Where to Find Them", ICML 2019). Noise is
drawn anew at each place, since pins, caps and diversity change what is allowed and how relevant it is; where they
change nothing, that is Gumbel top-k to the distribution. Either way a propensity is the item's probability in its
place given the places above it. Knows nothing of pins or caps themselves.
"""

import numpy as np

from feedrank.pipeline.selectors.filling import Filling, Greedy, Pick
from feedrank.pipeline.selectors.mmr import Diversity
from feedrank.pipeline.stages import Query
from feedrank.settings import SelectorSettings
from feedrank.types import I32, Bools


def exploring(settings: SelectorSettings, query: Query, ranked: I32, diversity: Diversity) -> Filling:
    """The filling these settings ask for. Exploration is off where the caller chose the candidates."""
    if query.candidate_ids:
        return Greedy(diversity)
    if settings.exploration == "plackett-luce":
        return PlackettLuce(settings, diversity, np.random.default_rng(query.seed))
    if settings.explore > 0.0:
        return EpsilonSlice(settings, ranked, diversity, np.random.default_rng(query.seed))
    return Greedy(diversity)


class EpsilonSlice:
    """With probability `explore`, one drawn uniformly from the best allowed candidates; else the best."""

    def __init__(self, settings: SelectorSettings, ranked: I32, diversity: Diversity, rng: np.random.Generator) -> None:
        self._settings, self._ranked, self._diversity, self._rng = settings, ranked, diversity, rng
        self._rank = np.empty(len(ranked), np.int64)
        self._rank[ranked] = np.arange(len(ranked))

    def pick(self, place: int, allowed: Bools) -> Pick:
        best, explore = self._diversity.best(allowed), self._settings.explore
        if best < 0 or place < self._settings.explore_from:
            return Pick(best)
        most = self._settings.explore_pool
        pool = min(most, int(np.count_nonzero(allowed)))
        drawn = self._rng.random() < explore
        chosen = self._nth(int(self._rng.integers(pool)), allowed) if drawn else best
        above = int(self._rank[chosen])
        in_pool = above < most or np.count_nonzero(allowed[self._ranked[:above]]) < most
        return Pick(chosen, (1.0 - explore) * (chosen == best) + explore * in_pool / pool, drawn)

    def _nth(self, n: int, allowed: Bools) -> int:
        """The n-th best allowed candidate, counted from 0."""
        return int(self._ranked[np.flatnonzero(allowed[self._ranked])[n]])

    def stand(self, chosen: int) -> None:
        self._diversity.place(chosen)


class PlackettLuce:
    """Every place from `explore_from` on is drawn; relevance is marginal, so diversity holds in expectation."""

    def __init__(self, settings: SelectorSettings, diversity: Diversity, rng: np.random.Generator) -> None:
        self._settings, self._diversity, self._rng = settings, diversity, rng

    def pick(self, place: int, allowed: Bools) -> Pick:
        pool, relevance = self._diversity.marginal(allowed)
        pool = pool[: self._settings.explore_pool]
        if place < self._settings.explore_from or not len(pool):
            return Pick(self._diversity.best(allowed))
        logits = relevance[: len(pool)] / self._settings.explore_temperature
        drawn = int(np.argmax(logits + self._rng.gumbel(size=len(pool))))
        weights = np.exp(logits - logits.max())
        return Pick(int(pool[drawn]), float(weights[drawn] / weights.sum()), len(pool) > 1)

    def stand(self, chosen: int) -> None:
        self._diversity.place(chosen)
