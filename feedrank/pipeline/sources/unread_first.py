"""Unread items first: the feed drops what its user has read or hidden, so a place given to it is lost.

Such items go last instead of being left out, so that in a small store Debug still names the filter that dropped them.
Knows nothing of sources.
"""

import numpy as np

from feedrank.history import Profile
from feedrank.kernels import among
from feedrank.types import I32


def unread_first(rows: I32, known: Profile) -> I32:
    """The same rows: those the user has neither engaged with nor hidden, then the others, each in their order."""
    if not len(known.engaged_rows) and not len(known.hidden_rows):
        return rows
    read = among(rows, np.concatenate([known.engaged_rows, known.hidden_rows]))
    return np.concatenate([rows[~read], rows[read]])
