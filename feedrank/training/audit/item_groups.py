"""Groups of items whose exposure is watched: by source, region, category, size of publisher, and age.

Knows nothing of lists, models or limits.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from feedrank.pipeline.selectors.floors import small_groups
from feedrank.training.background import UNKNOWN, Background
from feedrank.types import HOUR, I32, I64, AnyArray

MOST_WORDS = 15  # groups of a source, region or category; rarer ones together are "other"
NEW_HOURS = 6.0  # an item is new this long after it came out
OTHER = "other"
EVERYWHERE = "everywhere"  # an item that names no region may be shown in all

Assign = Callable[[I32, I64], I64]  # (catalog rows, times of the requests) -> group of each, -1 for none


@dataclass(frozen=True, slots=True)
class ItemGrouping:
    """A way to part items; `assign` gives an index into `values`, or -1."""

    name: str
    values: tuple[str, ...]
    assign: Assign


def item_groupings(background: Background, supplied: I32) -> list[ItemGrouping]:
    """The groupings a log allows, given the distinct catalog rows it supplied. One of a single group says nothing."""
    found = [
        _by_word("source", background.sources, supplied),
        _by_word("region", background.regions, supplied, without=EVERYWHERE),
        _by_word("category", background.categories, supplied),
    ]
    found.append(_by_size(background.sources, supplied))
    return [g for g in found if len(g.values) > 1] + [_by_age(background)]


def codes_of(words: AnyArray, supplied: I32) -> tuple[I64, tuple[str, ...]]:
    """A number for each row's word, -1 for "", and the words, the most supplied first."""
    counts = Counter(word for word in words[supplied].tolist() if word)
    values = [word for word, _ in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))]
    place = {word: i for i, word in enumerate(values)}
    return np.array([place.get(word, -1) for word in words.tolist()], np.int64), tuple(values)


def _by_word(name: str, words: AnyArray, supplied: I32, without: str = UNKNOWN) -> ItemGrouping:
    codes, values = codes_of(words, supplied)
    if not values:
        return ItemGrouping(name, (), lambda rows, times: codes[rows])
    kept = values[:MOST_WORDS]
    others = (OTHER,) if len(values) > MOST_WORDS else ()
    unknown = (without,) if (codes[supplied] < 0).any() else ()
    folded = np.minimum(codes, MOST_WORDS)
    folded = np.where(codes < 0, len(kept) + len(others) if unknown else -1, folded)
    return ItemGrouping(name, (*kept, *others, *unknown), lambda rows, times: folded[rows])


def _by_size(sources: AnyArray, supplied: I32) -> ItemGrouping:
    codes, values = codes_of(sources, supplied)
    counts = np.bincount(codes[supplied] + 1, minlength=len(values) + 1)
    small = small_groups(counts)
    size = np.where(codes < 0, -1, np.where(small[codes + 1], 0, 1))
    names = ("small", "large") if small.any() else ()
    return ItemGrouping("publisher size", names, lambda rows, times: size[rows])


def _by_age(background: Background) -> ItemGrouping:
    born = background.born()

    def assign(rows: I32, times: I64) -> I64:
        return np.where(times - born[rows] < NEW_HOURS * HOUR, 0, 1).astype(np.int64)

    return ItemGrouping("item age", ("new", "older"), assign)
