"""The domain's smallest records: items, users, events, vectors, write results.

Knows nothing of protobuf, storage or ranking. Times are UTC microseconds since 1970 (`Micros`); 0 means absent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NewType

import numpy as np
from numpy.typing import NDArray

UserId = NewType("UserId", str)
ItemId = NewType("ItemId", str)
Row = int  # an item's number, by first appearance in the log
Micros = int
Pause = Callable[[], None]  # called between small pieces of work that others may go before
Courtesy = Callable[[], Pause]  # a pause for each piece of work

F16 = NDArray[np.float16]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]
AnyArray = NDArray[Any]

SECOND: Micros = 1_000_000
MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE
DAY: Micros = 24 * HOUR
LONG_AGO: Micros = -(2**62)  # before every time


def no_pause() -> None:
    """The `Pause` of work that stands in nobody's way."""


class Action(IntEnum):
    """What a user did. Numbers equal the contract's."""

    VIEW = 1
    CLICK = 2
    DWELL = 3
    LIKE = 4
    SAVE = 5
    SHARE = 6
    HIDE = 7
    FOLLOW = 8
    UNFOLLOW = 9
    SEARCH = 10
    UNLIKE = 11
    UNSAVE = 12
    UNHIDE = 13


ITEM_ACTIONS = frozenset(Action) - {Action.FOLLOW, Action.UNFOLLOW, Action.SEARCH}


class Personalization(IntEnum):
    """Whether a feed may use what is known of its user. Numbers equal the contract's."""

    UNSPECIFIED = 0
    ON = 1
    OFF = 2


@dataclass(frozen=True, slots=True)
class Item:
    """One article as its publisher describes it."""

    item_id: ItemId
    title: str = ""
    body: str = ""
    category: str = ""
    subcategory: str = ""
    language: str = ""  # BCP 47
    source: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()  # where it may be shown; empty: everywhere
    published_at: Micros = 0
    expires_at: Micros = 0
    updated_at: Micros = 0
    attributes: Mapping[str, str] = field(default_factory=dict)
    vectors: Mapping[str, F32] = field(default_factory=dict)  # the caller's own, by space


@dataclass(frozen=True, slots=True)
class User:
    """What a backend tells of a user."""

    user_id: UserId
    language: str = ""
    country: str = ""
    region: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing a user did."""

    event_id: str
    user_id: UserId
    time: Micros
    action: Action
    item_id: str = ""
    value: float | None = None
    request_id: str = ""
    position: int | None = None  # 1-based
    query: str = ""
    target: str = ""
    session_id: str = ""
    item_ids: tuple[str, ...] = ()  # a VIEW of a whole slate, in position order
    surface: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """Where and how a request is made."""

    language: str = ""
    country: str = ""
    region: str = ""
    device: str = ""
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One refused element of a batch: its index and the reason, for people."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of a batch. Returned only after the accepted part is on disk."""

    accepted: int = 0
    duplicates: int = 0
    rejected: tuple[Rejection, ...] = ()
