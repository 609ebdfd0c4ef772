"""Item state: what the log says of items, as columns."""

from feedrank.state.catalog import CODED, NEVER, NO_NUMBER, Catalog, Vocabulary
from feedrank.state.counters import HALF_LIVES, KINDS, Count, DecayedCounters
from feedrank.state.fold import CO_HALF_LIFE, MAX_DWELL_S, PRIORS, REGION_HALF_LIFE, State, apply, merge
from feedrank.state.pairs import PairTable
from feedrank.state.vectors import NO_SLOT, VectorTable

__all__ = [
    "CODED",
    "CO_HALF_LIFE",
    "HALF_LIVES",
    "KINDS",
    "MAX_DWELL_S",
    "NEVER",
    "NO_NUMBER",
    "NO_SLOT",
    "PRIORS",
    "REGION_HALF_LIFE",
    "Catalog",
    "Count",
    "DecayedCounters",
    "PairTable",
    "State",
    "VectorTable",
    "Vocabulary",
    "apply",
    "merge",
]
