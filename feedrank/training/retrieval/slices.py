"""Groups of clicks by what was known of them: the user's history, the item's age, the place in the session.

Knows nothing of sources or of recall.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from feedrank.training.retrieval.stream import Found
from feedrank.types import DAY, HOUR, I32, I64, Bools

_HISTORY = (("no history", 0), ("1 to 5 reads", 1), ("6 to 50 reads", 6), ("over 50 reads", 51))
_AGE = (
    ("item never named before", -1),
    ("item under 1 h old", 0),
    ("item 1 to 6 h old", HOUR),
    ("item 6 to 24 h old", 6 * HOUR),
    ("item 1 to 3 days old", DAY),
    ("item over 3 days old", 3 * DAY),
)
_PLACE = (("session unknown", 0), ("first of its session", 1), ("second of its session", 2), ("third or later", 3))


def slices(found: Found) -> Iterator[tuple[str, Bools]]:
    """The name and mask (n,) of every group that has a click."""
    for column, bounds in ((found.history, _HISTORY), (found.age, _AGE), (found.place_in_session, _PLACE)):
        yield from _between(column, bounds)


def _between(column: I32 | I64, bounds: Sequence[tuple[str, int]]) -> Iterator[tuple[str, Bools]]:
    """Groups from each bound up to the next."""
    group = np.searchsorted([low for _, low in bounds], column, side="right") - 1
    for number, (name, _) in enumerate(bounds):
        mask = group == number
        if mask.any():
            yield name, mask
