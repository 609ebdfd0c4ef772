"""Exposure floors: a group of items gets at least a share of the places, counted from the top of the feed.

Of the first k places, at least floor(share * k) belong to the group (the ranked group fairness of Zehlike et al.,
"FA*IR", CIKM 2017, with a fixed share in place of its test). A place that is due is filled from the group alone, best
first, so the ranker still says which of its items. Where none of the group is left, or a pin holds the place, the debt
stays for the next. Knows nothing of scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from feedrank.features import Raw
from feedrank.pipeline.stages import Query
from feedrank.settings import SelectorSettings
from feedrank.state import CODED, Catalog
from feedrank.types import HOUR, AnyArray, Bools

SMALL_SHARE = 0.2  # the smallest publishers that together bring at most this share of all items are small
ROUNDING = 1e-9  # 0.1 * 10 places are 1, whatever floating point makes of it
_SOURCE = CODED.index("source")


@dataclass(slots=True)
class Floor:
    """At least `share` of the places for candidates in `inside`; `held` is how many they have so far."""

    share: float
    inside: Bools  # (n,)
    held: int

    def debt(self, place: int) -> int:
        """How many of the group are due at a place, counted from 1, this place included."""
        return int(self.share * place + ROUNDING) - self.held

    def place(self, chosen: int) -> None:
        """Notes that a candidate now stands."""
        self.held += int(self.inside[chosen])


def narrowed(floors: Sequence[Floor], place: int, allowed: Bools) -> Bools:
    """What floors leave of the allowed candidates at a place, (n,): the group most in debt first, then the others as
    far as they have candidates in common.
    """
    for floor in sorted(floors, key=lambda floor: -floor.debt(place)):
        if floor.debt(place) > 0:
            both = allowed & floor.inside
            if both.any():
                allowed = both
    return allowed


def exposure_floors(settings: SelectorSettings, query: Query, raw: Raw, catalog: Catalog) -> tuple[Floor, ...]:
    """The floors of one request, on from the feed's earlier pages."""
    if settings.floor_new == 0.0 and settings.floor_small == 0.0:
        return ()
    known = (catalog.row_of.get(item_id) for item_id in query.served_before)
    served = np.array([row for row in known if row is not None], np.int64)
    floors = []
    if settings.floor_new > 0.0:
        newest = query.now - settings.floor_new_hours * HOUR
        items, columns = raw.items, catalog.columns
        inside = _born(items.published_at, items.first_seen) > newest
        held = _born(columns["published_at"][served], columns["first_seen"][served]) > newest
        floors.append(Floor(settings.floor_new, inside, int(held.sum())))
    if settings.floor_small > 0.0:
        sources = catalog.column("source")
        small = small_groups(np.bincount(sources, minlength=len(catalog.vocabularies["source"])))
        floors.append(
            Floor(settings.floor_small, small[raw.items.codes[:, _SOURCE]], int(small[sources[served]].sum()))
        )
    return tuple(floors)


def small_groups(counts: AnyArray, share: float = SMALL_SHARE) -> Bools:
    """Which groups are small, by their numbers of items (groups,): the smallest that together bring at most `share`.

    Group 0 is of items without a publisher, and is neither small nor counted.
    """
    from_smallest = np.argsort(counts[1:], kind="stable") + 1
    brought = np.cumsum(counts[from_smallest])
    small = np.zeros(len(counts), np.bool_)
    small[from_smallest[brought <= share * counts[1:].sum()]] = True
    return small


def _born(published_at: AnyArray, first_seen: AnyArray) -> AnyArray:
    return np.where(published_at > 0, published_at, first_seen)
