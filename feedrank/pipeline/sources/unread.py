"""What a user has not read or hidden yet: a place given to anything else would be lost, as the feed drops it.

Knows nothing of sources.
"""

import numpy as np

from feedrank.history import Profile
from feedrank.types import I32


def unread(rows: I32, known: Profile) -> I32:
    """The rows that the user has neither engaged with nor hidden, in their order."""
    if not len(known.engaged_rows) and not len(known.hidden_rows):
        return rows
    return rows[~np.isin(rows, np.concatenate([known.engaged_rows, known.hidden_rows]))]
