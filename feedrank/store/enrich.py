"""What an event learns from earlier ones as it is appended: previous items, and whether a click answers a view.

Found in log order within the write transaction, so that the outcome does not depend on how events were batched. Knows
nothing of how events are checked or encoded.
"""

import sqlite3
import struct
from bisect import bisect_right, insort
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from feedrank.settings import ENGAGEMENTS_KEPT, PREVIOUS_KEPT, PREVIOUS_WITHIN_H
from feedrank.store import bulk
from feedrank.types import DAY, HOUR, Action, Micros, Row
from feedrank.user_records import Lane

ENGAGEMENTS = frozenset((Action.CLICK, Action.LIKE, Action.SAVE, Action.SHARE))
_WITHIN: Micros = PREVIOUS_WITHIN_H * HOUR
_READ_AHEAD = 16  # engagements of a user: PREVIOUS_KEPT distinct ones with repeats to spare
REQUEST_KEPT: Micros = DAY  # a slate is answered within a day of the last sign of it

_NO_TIME: Micros = -(2**62)
_END_OF_TIME: Micros = 2**62

_Engagement = tuple[Micros, int, Row]  # time, offset, row

_ENGAGEMENTS = ", ".join(str(int(action)) for action in sorted(ENGAGEMENTS))
_NEWEST = (
    "SELECT time, offset, rows FROM user_events WHERE user = ? AND lane = ? AND time <= ? "
    f"AND action IN ({_ENGAGEMENTS}) "
    "ORDER BY time DESC, offset DESC LIMIT ?"
)
_TAILS = (  # of a user `wanted.value`
    "wanted.value, json((SELECT json_group_array(json_array(time, offset, rows)) FROM ("
    f"SELECT time, offset, rows FROM user_events WHERE user = wanted.value AND lane = {int(Lane.ENGAGEMENT)} "
    f"AND action IN ({_ENGAGEMENTS}) ORDER BY time DESC, offset DESC LIMIT {_READ_AHEAD})))"
)


class Tails:
    """The latest engagements of a batch's users, read at once. Lives within one write transaction."""

    def __init__(self, conn: sqlite3.Connection, users: Iterable[int]) -> None:
        """Reads those of `users`; who is not among them has none."""
        self._conn = conn
        # SQLite promises no order of what it joins into an array.
        self._tails = {
            user: _tail([(time, offset, row) for time, offset, row in newest], _READ_AHEAD)
            for user, newest in bulk.select(conn, _TAILS, "FROM json_each(?) AS wanted", users)
        }

    def previous(self, user: int, row: Row, time: Micros) -> list[Row]:
        """Up to PREVIOUS_KEPT other items the user engaged with in the PREVIOUS_WITHIN_H hours to `time`, newest first.

        Of records with the same fold time those earlier in the log count. No more than ENGAGEMENTS_KEPT records are
        looked at.
        """
        tail = self._tails.get(user)
        if tail is None:
            tail = self._tails[user] = _Tail([], _NO_TIME, 0)
        oldest = time - _WITHIN
        found, settled = _distinct(tail.engagements, row, time, max(oldest, tail.complete_after + 1))
        if settled or tail.complete_after < oldest:
            return found
        if tail.depth < ENGAGEMENTS_KEPT:
            own = [e for e in tail.engagements if e[1] >= tail.batch_offset]
            deeper = _tail(self._before(user, _END_OF_TIME, ENGAGEMENTS_KEPT), ENGAGEMENTS_KEPT)
            deeper.batch_offset = tail.batch_offset
            deeper.engagements = sorted(deeper.engagements + own)
            self._tails[user] = deeper
            return self.previous(user, row, time)
        # A late event of a busy user: what was read ahead is newer. The batch's own are not in the table yet.
        until = bisect_right(tail.engagements, (time, _END_OF_TIME))
        nearest = tail.engagements[
            max(0, until - 2 * ENGAGEMENTS_KEPT) : until
        ]  # at least ENGAGEMENTS_KEPT own, if any
        own = [e for e in nearest if e[1] >= tail.batch_offset]
        found, _ = _distinct(sorted(own + self._before(user, time, ENGAGEMENTS_KEPT)), row, time, oldest)
        return found

    def add(self, user: int, row: Row, time: Micros, offset: int) -> None:
        """Counts an engagement of this batch; `previous` was asked first."""
        tail = self._tails[user]
        tail.batch_offset = min(tail.batch_offset, offset)
        engagement = (time, offset, row)
        if not tail.engagements or engagement > tail.engagements[-1]:
            tail.engagements.append(engagement)
        else:
            insort(tail.engagements, engagement)

    def _before(self, user: int, time: Micros, limit: int) -> list[_Engagement]:
        """The newest `limit` engagements in the table up to `time`, newest first."""
        return self._conn.execute(_NEWEST, (user, int(Lane.ENGAGEMENT), time, limit)).fetchall()


@dataclass(slots=True)
class _Tail:
    engagements: list[_Engagement]  # ascending
    complete_after: Micros  # every engagement of the table later than this is among them
    depth: int  # how many of the table were asked for
    batch_offset: int = _END_OF_TIME  # where this batch's own begin


def _tail(newest: list[_Engagement], depth: int) -> _Tail:
    """What the newest engagements in the table, of which `depth` were asked for, tell of a user, in any order."""
    return _Tail(sorted(newest), min(newest)[0] if len(newest) == depth else _NO_TIME, depth)


def _distinct(engagements: list[_Engagement], row: Row, time: Micros, oldest: Micros) -> tuple[list[Row], bool]:
    """The last few distinct rows other than `row` among ascending engagements within [oldest, time], newest first.

    Also whether that is settled: nothing older than `oldest` could change it.
    """
    until = bisect_right(engagements, (time, _END_OF_TIME))
    nearest = engagements[max(0, until - ENGAGEMENTS_KEPT) : until]
    found: list[Row] = []
    for at, _, other in reversed(nearest):
        if at < oldest:
            return found, False
        if other != row and other not in found:
            found.append(other)
            if len(found) == PREVIOUS_KEPT:
                return found, True
    return found, len(nearest) == ENGAGEMENTS_KEPT


@dataclass(slots=True)
class _Request:
    newest: Micros
    viewed: set[Row] = field(default_factory=set)
    clicked: list[tuple[Row, Micros]] = field(default_factory=list)  # clicks no view has answered yet
    changed: bool = False


class RequestMatches:
    """Views and clicks of a batch's requests, matched whichever comes first. Lives within one write transaction."""

    def __init__(self, conn: sqlite3.Connection, keys: Collection[int]) -> None:
        self._conn = conn
        self._requests: dict[int, _Request] = {}
        if keys:
            rest = "FROM request_views WHERE key IN (SELECT value FROM json_each(?))"
            for key, newest, viewed, clicked in bulk.select(conn, "key, newest, hex(viewed), hex(clicked)", rest, keys):
                rows = struct.unpack(f"<{len(viewed) // 8}i", bytes.fromhex(viewed))
                late = list(struct.iter_unpack("<iq", bytes.fromhex(clicked)))
                self._requests[key] = _Request(newest, set(rows), late)

    def click(self, key: int, row: Row, time: Micros, received_at: Micros) -> bool:
        """Whether the request's view of this item is in the log; if not, the click waits for it."""
        request = self._current(key, received_at)
        if request is None:
            return False
        if row in request.viewed:
            return True
        request.clicked.append((row, time))
        return False

    def view(self, key: int, rows: Iterable[Row], received_at: Micros) -> list[tuple[Row, Micros]]:
        """Notes what was viewed; returns the clicks (row, fold time) that had come before, in log order."""
        request = self._current(key, received_at)
        if request is None:
            return []
        request.viewed.update(rows)
        late = [click for click in request.clicked if click[0] in request.viewed]
        if late:
            request.clicked = [click for click in request.clicked if click[0] not in request.viewed]
        return late

    def served(self, key: int, rows: Iterable[Row], received_at: Micros) -> None:
        """Notes what was served where that counts as seen. Clicks that came before keep waiting for a view's record."""
        request = self._current(key, received_at)
        if request is not None:
            request.viewed.update(rows)

    def flush(self) -> None:
        """Writes what changed."""
        bulk.insert(
            self._conn,
            "INSERT OR REPLACE INTO request_views (key, newest, viewed, clicked)",
            [
                (
                    key,
                    request.newest,
                    struct.pack(f"<{len(request.viewed)}i", *sorted(request.viewed)),
                    b"".join(struct.pack("<iq", *click) for click in request.clicked),
                )
                for key, request in self._requests.items()
                if request.changed
            ],
        )

    def _current(self, key: int, received_at: Micros) -> _Request | None:
        """The request as of `received_at`; a new one where the last sign of it is too old, None where this event is."""
        request = self._requests.get(key)
        if request is None or received_at > request.newest + REQUEST_KEPT:
            request = self._requests[key] = _Request(received_at)
        elif received_at < request.newest - REQUEST_KEPT:
            return None
        request.newest = max(request.newest, received_at)
        request.changed = True
        return request
