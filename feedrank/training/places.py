"""What a row's place in its slate says of its click, before anything is known of its item.

The position-based model of Craswell et al., "An Experimental Comparison of Click Position-Bias Models", WSDM 2008: what
is clicked was examined, and how likely that is falls with the place. Knows nothing of rankers.
"""

import numpy as np

from feedrank.training.dataset import Dataset
from feedrank.types import F64


def examined_log_odds(dataset: Dataset, decay: float) -> F64:
    """What a row's place says of its click before anything is known of its item, log-odds (n,): trees add to it.

    The click rate times place ** -decay, over its mean, of which log-odds take the logarithm, as clicks are rare (the
    position-based model of Craswell et al., WSDM 2008). A row whose place is not known has the click rate itself.
    """
    rate = (np.count_nonzero(dataset.labels) + 1.0) / (len(dataset.labels) + 2.0)  # never 0 or 1
    places = dataset.known_places()
    known = places > 0
    log_place = np.log(np.maximum(places, 1).astype(np.float64))
    usual = log_place[known].mean() if known.any() else 0.0
    odds: F64 = np.log(rate / (1.0 - rate)) - decay * np.where(known, log_place - usual, 0.0)
    return odds
