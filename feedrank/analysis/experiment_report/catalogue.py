"""How much of the catalogue each variant shows: coverage, at equal numbers of slates.

Distinct items grow with slates, so arms of different size are compared at the size of the smallest: the expected
number of distinct items in that many slates drawn without replacement (Hurlbert, "The nonconcept of species diversity",
Ecology 1971, eq. 9). A property of an arm, not of its users: it has no per-user values and decides nothing. Knows
nothing of metrics.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from feedrank.analysis.experiment_report.population import Population
from feedrank.types import F64, I64


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of one variant. `rarefied` is the expected number of distinct items in `slates_compared` of its slates."""

    slates: int
    distinct: int
    slates_compared: int
    rarefied: float


def coverage(population: Population) -> Mapping[str, Coverage]:
    """By variant, in the design's order; variants without a slate are absent."""
    found: dict[str, tuple[int, I64]] = {}
    for variant in population.design.weights:
        rows = population.slates.filter(population.slates["variant"] == variant)["rows"]
        if len(rows):
            shown = rows.list.unique().explode().to_numpy()
            found[variant] = len(rows), np.unique(shown, return_counts=True)[1].astype(np.int64)
    smallest = min((n for n, _ in found.values()), default=0)
    return {
        name: Coverage(n, len(counts), smallest, float(rarefied(counts, n, smallest).sum()))
        for name, (n, counts) in found.items()
    }


def rarefied(counts: I64, slates: int, drawn: int) -> F64:
    """The probability (items,) that each item stands in at least one of `drawn` of `slates` slates, `counts` of which
    hold it.
    """
    absent = slates - counts  # slates without it
    with np.errstate(invalid="ignore"):
        log_miss = _log_choose(absent, drawn) - _log_choose(np.array([slates]), drawn)
    return np.asarray(1.0 - np.where(absent >= drawn, np.exp(log_miss), 0.0))


def _log_choose(n: I64, k: int) -> F64:
    return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(np.maximum(n - k, 0) + 1.0))
