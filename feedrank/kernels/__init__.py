"""Inner loops of the request path, compiled where the installation found a compiler, else in NumPy: the same bits.

What is here is arithmetic that NumPy's calls are too coarse for. Each kernel exists twice, in C and in `reference`, and
tests hold both to the same bits, so that a row computed on one machine is replayed on another. Knows nothing of
features, indices or models.
"""

from feedrank.kernels.binding import (
    COMPILED,
    INSTRUCTIONS,
    among,
    distinct,
    foremost,
    greatest,
    matched,
    native,
    nearest,
    places_by_size,
    positions,
    products,
    raised,
    standard_scores,
    summaries,
    summed,
    unpacked,
    ward,
)
from feedrank.kernels.forest import Forest
from feedrank.kernels.lookups import counted, decayed, looked_up, paired, rows_of, taken
from feedrank.kernels.reference import Tier

__all__ = [
    "COMPILED",
    "INSTRUCTIONS",
    "Forest",
    "Tier",
    "among",
    "counted",
    "decayed",
    "distinct",
    "foremost",
    "greatest",
    "looked_up",
    "matched",
    "native",
    "nearest",
    "paired",
    "places_by_size",
    "positions",
    "products",
    "raised",
    "rows_of",
    "standard_scores",
    "summaries",
    "summed",
    "taken",
    "unpacked",
    "ward",
]
