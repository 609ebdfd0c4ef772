"""Calibration: a feed's categories in proportion to what the user reads.

Steck: "Calibrated Recommendations", RecSys 2018: each place takes the item that makes the most of
(1 - weight) relevance - weight KL(p || q), p being the user's categories and q the feed's so far, that item included;
q is mixed with a little of p so that no logarithm is infinite. Knows nothing of pins, caps, floors or exploration.
"""

from dataclasses import dataclass, field

import numpy as np

from feedrank.features import Raw
from feedrank.pipeline.stages import Query
from feedrank.settings import SelectorSettings
from feedrank.state import CODED, Catalog
from feedrank.types import F64, I32, I64

ALPHA = 0.01  # the part of p in q, as in the paper
FEWEST_READS = 10  # a shorter history says too little of what a user's proportions are
TINY = 1e-12  # in place of a target of 0, whose part of the divergence is 0 whatever is shown
_CATEGORY = CODED.index("category")


@dataclass(slots=True)
class Calibration:
    """How far a feed's categories are from a target, place by place. A weight of 0 leaves everything as it is."""

    weight: float
    categories: I32  # (n,) of all candidates, codes into `target`
    target: F64  # (codes,) p, sums to 1
    counts: F64  # (codes,) places each category holds so far
    places: float = field(init=False)  # of all of them
    mixed: F64 = field(init=False)  # (codes,) what the first place mixes of p into q
    weighed: F64 = field(init=False)  # (codes,) p times the weight

    def __post_init__(self) -> None:
        self.places = float(self.counts.sum())
        self.mixed = ALPHA / (1.0 - ALPHA) * np.maximum(self.target, TINY)
        self.weighed = self.weight * self.target

    def place(self, chosen: int) -> None:
        """Notes that a candidate now stands."""
        if self.weight > 0:
            self.counts[self.categories[chosen]] += 1.0
            self.places += 1.0

    def weigh(self, relevance: F64, categories: I64) -> F64:
        """Steck's objective for candidates of these categories (m,), but for what is the same for all of them."""
        held = self.counts + self.mixed * (self.places + 1.0)
        # KL(p || q) with the next place going to each category, less KL(p || q) with it going to none, (codes,)
        change = self.weighed * np.log(held / (held + 1.0))
        return (1.0 - self.weight) * relevance - change[categories]


NONE = Calibration(0.0, np.empty(0, np.int32), np.empty(0), np.empty(0))


def calibrated(settings: SelectorSettings, query: Query, raw: Raw, catalog: Catalog) -> Calibration:
    """The calibration of one request: to the categories of the user's history, on from the feed's earlier pages.

    NONE where it is off, or the user has read fewer than FEWEST_READS items of a known category.
    """
    if settings.calibration == 0.0:
        return NONE
    read = raw.history.codes[:, _CATEGORY]
    read = read[read > 0]
    if len(read) < FEWEST_READS:
        return NONE
    known = (catalog.row_of.get(item_id) for item_id in query.served_before)
    served = catalog.columns["category"][[row for row in known if row is not None]]
    categories = raw.items.codes[:, _CATEGORY]
    codes = 1 + max(int(a.max(initial=0)) for a in (read, served, categories))
    target = np.bincount(read, minlength=codes) / len(read)
    counts = np.bincount(served, minlength=codes).astype(np.float64)
    return Calibration(settings.calibration, categories, target, counts)
