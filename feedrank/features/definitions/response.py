"""Response: how much the user reads of what they examine of the candidate's kind, next to what they examine at all.

Shares of reading (`affinity`) say what a user read; a response also says what they were shown and left. What stands low
is seldom looked at, so a view counts as much as its place is examined (the position-based model of Craswell et al.,
WSDM 2008), and what is read long is liked, so a read counts by its dwell (Yi et al., "Beyond Clicks: Dwell Time for
Personalization", RecSys 2014). Only reads of what was shown count, so that reads from elsewhere do not pass for
readiness. Knows nothing of other users.
"""

import numpy as np

from feedrank.features.definition import Feature
from feedrank.features.frame import Frame
from feedrank.kernels import matched
from feedrank.settings import DWELLS_KEPT, ENGAGEMENTS_KEPT, VIEWS_KEPT, VIEWS_KEPT_DAYS
from feedrank.state import CODED
from feedrank.types import F64

EXAMINATION_DECAY = 0.6  # P(examined) = place ** -decay
USUAL_READ_S, LONGEST_READ_S = 30.0, 120.0  # a read of the first counts 1, as one of unknown length; more than 4 none
FARTHEST = 500  # places from here on are examined alike
USUAL_PRIOR = 20.0  # examined views of a usual rate that are given to each user: about three slates
USUAL = 0.05  # usual reads an examined view of a user who was shown nothing
PRIOR = {"category": 10.0, "subcategory": 10.0, "source": 10.0, "author": 5.0}  # examined views given to each kind
PARENT = {"subcategory": "category", "author": "source"}  # a kind within a kind is taken to be liked as that one is

_BY_PLACE: F64 = np.concatenate([[0.0], np.arange(1.0, FARTHEST + 1.0) ** -EXAMINATION_DECAY])
_READS = (
    f"views {VIEWS_KEPT} in {VIEWS_KEPT_DAYS} d",
    f"history {ENGAGEMENTS_KEPT}",
    f"examination {EXAMINATION_DECAY:g}",
    f"usual {USUAL:g} of {USUAL_PRIOR:g}",
    f"read {USUAL_READ_S:g} to {LONGEST_READ_S:g} s",
    f"dwells {DWELLS_KEPT}",
)


def _read_after_all(frame: Frame) -> F64:
    """For each view (v,) of an item its user has read, the longest read of it in usual ones, else 0."""
    views, history = frame.raw.views, frame.raw.history
    shown = frame.views.request << 32 | views.rows.astype(np.int64)
    read = frame.history.request << 32 | history.rows.astype(np.int64)
    item, asked, items = matched(read, shown)
    dwell_s = np.minimum(history.dwell_s.astype(np.float64), LONGEST_READ_S)
    longest = np.zeros(items + 1)
    np.maximum.at(longest, item, np.where(np.isnan(dwell_s), 1.0, dwell_s / USUAL_READ_S))
    return longest[asked]


def _examined(frame: Frame) -> F64:
    """How likely each view (v,) was looked at, by its place."""
    examined: F64 = _BY_PLACE[np.minimum(frame.raw.views.places, FARTHEST)]
    return examined


def _usual(frame: Frame) -> F64:
    """Each user's smoothed usual reads an examined view, per candidate (n,)."""
    read, examined = frame.cached("read_after_all", _read_after_all), frame.cached("examined", _examined)
    rate = (frame.views.sum(read) + USUAL * USUAL_PRIOR) / (frame.views.sum(examined) + USUAL_PRIOR)
    return frame.per_request(rate)


def response(frame: Frame, column: str) -> F64:
    """The user's smoothed reading an examined view of the candidate's code over that of anything, (n,): 1 is usual.

    Drawn towards the response to the kind it is part of, or towards 1. NaN without code.
    """
    return frame.cached(f"{column}_response", lambda frame: _response(frame, column))


def _response(frame: Frame, column: str) -> F64:
    wanted = frame.items.codes[:, CODED.index(column)]
    usual = frame.cached("usual_response", _usual)
    expected = usual
    if column in PARENT:
        above = response(frame, PARENT[column])
        expected = usual * np.where(np.isnan(above), 1.0, above)
    reads = frame.views.weight(column, frame.cached("read_after_all", _read_after_all))
    views = frame.views.weight(column, frame.cached("examined", _examined))
    rate = (reads + expected * PRIOR[column]) / (views + PRIOR[column])
    return np.where(wanted > 0, rate / usual, np.nan)


def _reads_of(column: str) -> tuple[str, ...]:
    above = PARENT.get(column)
    own = f"{column} prior {PRIOR[column]:g}"
    return (*_READS, own) if above is None else (*_READS, own, f"{above} prior {PRIOR[above]:g}")


FEATURES: tuple[Feature, ...] = tuple(
    Feature(
        f"{column}_response",
        "response",
        f"the user's reading an examined view of the candidate's {column} over that of anything",
        lambda f, column=column: response(f, column),  # type: ignore[misc]
        _reads_of(column),
    )
    for column in PRIOR
)
