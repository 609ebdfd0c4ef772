"""The compact form in which one user's records are kept by key, and the one mapping from log facts to it.

The store keeps these rows beside the log so that a request reads a user without decoding payloads; `history.apply` is
what gives them meaning. Knows nothing of storage, of bounds, or of item state.
"""

import hashlib
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from feedrank.records import EventRecorded, Fact, QueryEmbedded
from feedrank.types import Action, Micros, Row


class Lane(IntEnum):
    """Kinds of user records that are bounded separately. Numbers are on disk: never reused."""

    ENGAGEMENT = 1  # click, like, save, share and their retractions
    VIEW = 2
    SEARCH = 3
    STATE = 4  # follow and hide sets: the last write of each key wins
    DWELL = 5
    QUERY_VECTOR = 6  # the embedding of an earlier search
    ACCOUNT = 7  # attributes and opt-outs; read by `LogStore.account`, not by history


LANE_OF_ACTION: dict[Action, Lane] = {
    Action.VIEW: Lane.VIEW,
    Action.CLICK: Lane.ENGAGEMENT,
    Action.DWELL: Lane.DWELL,
    Action.LIKE: Lane.ENGAGEMENT,
    Action.SAVE: Lane.ENGAGEMENT,
    Action.SHARE: Lane.ENGAGEMENT,
    Action.UNLIKE: Lane.ENGAGEMENT,
    Action.UNSAVE: Lane.ENGAGEMENT,
    Action.HIDE: Lane.STATE,
    Action.UNHIDE: Lane.STATE,
    Action.FOLLOW: Lane.STATE,
    Action.UNFOLLOW: Lane.STATE,
    Action.SEARCH: Lane.SEARCH,
}


class UserRecord(NamedTuple):
    """One record of one user. `time` is the fold time; (time, offset) orders records of a user.

    A tuple, since a request makes hundreds, and a frozen dataclass takes longer to make.
    """

    lane: Lane
    time: Micros
    offset: int
    action: int  # an Action; 0 in the lanes that are not events
    rows: tuple[Row, ...] = ()
    value: float = float("nan")
    key: str = ""  # STATE: "hide:ROW" or the followed target; QUERY_VECTOR: the search's offset
    session: int = 0  # 63-bit hash of session_id; 0 when absent
    vector: bytes = b""  # QUERY_VECTOR: little-endian float16
    space: str = ""  # QUERY_VECTOR: the encoder's space


@lru_cache(maxsize=65_536)  # a session's records follow one another
def session_key(session_id: str) -> int:
    """A 63-bit hash of a session id; 0 for an absent one."""
    if not session_id:
        return 0
    return int.from_bytes(hashlib.blake2b(session_id.encode(), digest_size=8).digest(), "little") >> 1


def user_record(fact: Fact) -> UserRecord | None:
    """The compact form of a fact about a user's behaviour; None for every other fact."""
    if isinstance(fact, EventRecorded):
        action, event = fact.action, fact.event
        if action in (Action.HIDE, Action.UNHIDE):
            key = f"hide:{fact.rows[0]}"
        elif action in (Action.FOLLOW, Action.UNFOLLOW):
            key = event.target
        else:
            key = ""
        lane = LANE_OF_ACTION[action]
        session = session_key(event.session_id)
        return UserRecord(lane, fact.time, fact.offset, action, fact.rows, fact.value, key, session)
    if isinstance(fact, QueryEmbedded):
        vector = fact.values.astype("<f2").tobytes()
        key = str(fact.search_offset)
        return UserRecord(Lane.QUERY_VECTOR, fact.time, fact.offset, 0, key=key, vector=vector, space=fact.space)
    return None
