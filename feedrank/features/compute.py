"""`compute`: feature rows of a ragged batch of one or a thousand requests. Serving is a batch of one, equal to the bit.

Knows nothing of where raw columns come from, or of models.
"""

from collections.abc import Sequence

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.features.definition import Feature
from feedrank.features.definitions import FEATURES
from feedrank.features.frame import Frame
from feedrank.features.raw import Raw
from feedrank.types import F32, I64

BY_NAME: dict[str, Feature] = {feature.name: feature for feature in FEATURES}
NAMES: tuple[str, ...] = tuple(BY_NAME)


def compute(raw: Raw, names: Sequence[str] = NAMES, kept: I64 | None = None) -> F32:
    """Feature rows (n, len(names)) float32 of a batch whose requests are marked by `raw.item_offsets`.

    Columns are the named features in the given order, each contiguous. With `kept` (k,), ascending indices of
    candidates, only their rows come back, (k, len(names)): the same bits, for only in-slate features look at the
    others. InvalidInput for a name that has no definition.
    """
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        raise InvalidInput(f"no feature is named {unknown[0]!r}; the known ones are in docs/features.md")
    whole = Frame(raw)
    if kept is not None and len(kept) == whole.n:  # all of them
        kept = None
    alone = whole if kept is None else Frame(raw.take(kept))
    rows = np.empty((len(names), alone.n), np.float32).T
    for j, name in enumerate(names):
        feature = BY_NAME[name]
        if kept is not None and feature.in_slate:
            rows[:, j] = feature.values(whole)[kept]
        else:
            rows[:, j] = feature.values(alone)
    return rows


def fingerprint_of(name: str, space: str) -> str | None:
    """The fingerprint of the feature of this name as defined now, None for a name without definition."""
    feature = BY_NAME.get(name)
    return None if feature is None else feature.fingerprint(space)
