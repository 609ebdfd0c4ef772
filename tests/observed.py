"""What a reader can see of item state at an instant, as plain arrays by name, for comparing two folds.

Knows nothing of how either was made.
"""

import numpy as np

from feedrank.state import CODED, State
from feedrank.types import AnyArray, Micros

PLAIN = (
    *("listed", "deleted", "published_at", "expires_at", "updated_at", "first_seen", "last_click"),
    *("title_chars", "body_chars", "story"),
)


def observe(state: State, now: Micros) -> dict[str, AnyArray]:
    """Counters, catalog, pairs and vectors as of `now`, without codes or slots that only their owner can read."""
    catalog, rows = state.catalog, np.arange(state.catalog.rows, dtype=np.int32)
    seen: dict[str, AnyArray] = {
        "ids": np.array(catalog.ids, object),
        "items": state.items.read(rows, now),
        "overall": state.overall.read(np.zeros(1, np.int32), now),
        "co_engaged": state.co_engaged.lookup(rows, rows, now),
    }
    for name in PLAIN:
        seen[name] = catalog.column(name).copy()
    for name in (*CODED, "regions"):
        words = np.array(catalog.vocabularies[name].words, object)
        seen[name] = words[catalog.column(name)]
    for name, prior in state.priors.items():
        for word in sorted(catalog.vocabularies[name].words):
            code = catalog.vocabularies[name].find(word)
            if code < prior.rows:  # a word no counter has met yet has no row
                counts = prior.read(np.array([code], np.int32), now)
                if counts.any():
                    seen[f"{name}={word}"] = counts
    for region in sorted(state.region_names.words[1:]):
        asked = np.array([state.region_names.find(region)], np.int32)
        seen[f"region={region}"] = state.regional.lookup(asked, rows, now)
    for space in sorted(state.vectors):
        seen[f"vectors={space}"], seen[f"has={space}"] = state.vectors[space].gather(rows)
    return seen


def assert_same(mine: dict[str, AnyArray], theirs: dict[str, AnyArray]) -> None:
    """Equal to the bit."""
    assert mine.keys() == theirs.keys()
    for name, array in mine.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name, strict=True)


def assert_close(mine: dict[str, AnyArray], theirs: dict[str, AnyArray], faint: float = 1e-11) -> None:
    """Equal to 1e-9 relative. What retractions took back, and what pairs forgot, may leave up to `faint`."""
    for name in mine.keys() | theirs.keys():
        known = mine.get(name, theirs.get(name))
        assert known is not None
        a, b = mine.get(name, np.zeros_like(known)), theirs.get(name, np.zeros_like(known))
        if known.dtype == np.float64:
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=faint, err_msg=name)
        else:
            np.testing.assert_array_equal(a, b, err_msg=name)
