"""Events into the log: checked, counted once, enriched with what came before, and kept by user.

An opted-out user's event is stored without the user's id, and nothing of it by user. Knows nothing of item state.
"""

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from feedrank.content import event_to_pb
from feedrank.limits import event_fault
from feedrank.records import EventRecorded, Kind
from feedrank.settings import Settings
from feedrank.store.enrich import ENGAGEMENTS, RequestMatches, Tails
from feedrank.store.item_rows import RowNumbers
from feedrank.store.keys import Keys, event_key, event_keys_within, hash_of
from feedrank.store.log_table import LogAppender
from feedrank.store.user_events import EventColumns, event_columns, insert_events
from feedrank.store.users import UserNumbers
from feedrank.types import DAY, Action, Event, Micros, Pause, Rejection, Row, WriteResult
from feedrank.user_records import user_record
from feedrank.v1 import log_pb2 as log

AT_ONCE = 8  # events between two pauses: half a millisecond


@dataclass(frozen=True, slots=True)
class PreparedEvent:
    """A checked event with all that needs no database."""

    index: int
    event: Event
    payload: log.EventRecorded  # without what the log adds
    event_hash: int
    request_key: int  # 0 without a request


@dataclass(frozen=True, slots=True)
class PreparedEvents:
    """A checked batch, ready to be written."""

    events: list[PreparedEvent] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)


def prepare(
    events: Sequence[Event], received_at: Micros | None, settings: Settings, keys: Keys, pause: Pause
) -> PreparedEvents:
    """Checks every event and makes its payload. An import's times are held against this machine's clock."""
    batch = PreparedEvents()
    clock = time.time_ns() // 1_000 if received_at is None else received_at
    for index, event in enumerate(events):
        if not index % AT_ONCE:
            pause()
        fault = event_fault(event, clock, settings.max_future_s)
        if fault is not None:
            batch.rejected.append(Rejection(index, fault))
            continue
        event_hash = keys.event_hash(event.user_id, event.event_id)
        request_key = keys.request_key(event.user_id, event.request_id) if event.request_id else 0
        payload = log.EventRecorded(event=event_to_pb(event))
        batch.events.append(PreparedEvent(index, event, payload, event_hash, request_key))
    return batch


class EventAppend:
    """One batch of events on its way into the log, within the caller's write transaction."""

    def __init__(
        self,
        conn: sqlite3.Connection,
        keys: Keys,
        batch: PreparedEvents,
        received_at: Micros | None,
        horizon_days: int,
        pause: Pause,
    ) -> None:
        self._conn = conn
        self._pause = pause
        self._batch = batch
        self._horizon: Micros = horizon_days * DAY
        events = batch.events
        self._log = LogAppender(conn, received_at)
        self._users = UserNumbers(conn, keys, {prepared.event.user_id for prepared in events})
        self._rows = RowNumbers(conn, {item_id for prepared in events for item_id in _item_ids(prepared.event)})
        self._requests = RequestMatches(conn, {p.request_key for p in events if p.request_key})
        self._tails = Tails(conn, self._engaged())
        self._earlier = self._earlier_events()
        self._user_rows: list[EventColumns] = []

    def run(self) -> WriteResult:
        """Appends the batch in order and writes everything."""
        rejected = list(self._batch.rejected)
        accepted = duplicates = 0
        for done, prepared in enumerate(self._batch.events):
            if not done % AT_ONCE:
                self._pause()
            event = prepared.event
            if event.time <= self._users.known(event.user_id).erased_at:
                rejected.append(Rejection(prepared.index, "user_id was erased at the event's time or later"))
            elif self._is_duplicate(prepared):
                duplicates += 1
            else:
                self._append(prepared)
                accepted += 1
        self._rows.flush()
        self._users.flush()
        self._requests.flush()
        self._log.flush()
        insert_events(self._conn, self._user_rows)
        return WriteResult(accepted, duplicates, tuple(sorted(rejected, key=lambda r: r.index)))

    def _engaged(self) -> set[int]:
        """Numbers of the users of the batch's engagements, of those that have one."""
        engaged = (p.event.user_id for p in self._batch.events if p.event.action in ENGAGEMENTS)
        return {number for number in map(self._users.number, engaged) if number is not None}

    def _is_duplicate(self, prepared: PreparedEvent) -> bool:
        """Whether this user's event id came before within the horizon; notes it if not. Equal hashes prove nothing."""
        event = prepared.event
        received_at = self._log.received_at(event.time)
        earlier = self._earlier.setdefault(prepared.event_hash, [])
        for at, user_id, event_id in earlier:
            same = event_id == event.event_id and user_id in ("", event.user_id)
            if same and abs(received_at - at) <= self._horizon:
                return True
        earlier.append((received_at, event.user_id, event.event_id))
        return False

    def _append(self, prepared: PreparedEvent) -> None:
        event, payload = prepared.event, prepared.payload
        user = self._users.known(event.user_id)
        received_at = self._log.received_at(event.time)
        time = min(event.time, received_at)
        rows = tuple(self._rows.assign(item_id) for item_id in _item_ids(event))
        payload.rows.extend(rows)
        answers_view, late = self._match(prepared, rows, time, received_at)
        if answers_view:
            payload.answers_view = True
        for row, at in late:
            payload.late_clicks.add(row=row, time_us=at)
        if user.region:
            payload.region = user.region
        key = event_key(prepared.event_hash, received_at)
        if user.opted_out:
            payload.event.user_id = ""
            self._log.add(Kind.EVENT, event.time, payload.SerializeToString(), key)
            return
        number = self._users.assign(event.user_id)
        previous: list[Row] = []
        if event.action in ENGAGEMENTS:
            previous = self._tails.previous(number, rows[0], time)
            self._tails.add(number, rows[0], time, self._log.next_offset)
            payload.previous_rows.extend(previous)
        offset = self._log.add(Kind.EVENT, event.time, payload.SerializeToString(), key)
        value = payload.event.value if event.value is not None else float("nan")  # as rounded to float32
        fact = EventRecorded(
            offset,
            time,
            received_at,
            self._log.imported,
            Action(event.action),
            rows,
            tuple(previous),
            value,
            answers_view,
            late,
            user.region,
            payload.event,
        )
        record = user_record(fact)
        assert record is not None  # every event is a user's record
        self._user_rows.append(event_columns(number, record, prepared.request_key))

    def _match(
        self, prepared: PreparedEvent, rows: tuple[Row, ...], time: Micros, received_at: Micros
    ) -> tuple[bool, tuple[tuple[Row, Micros], ...]]:
        """Whether a click answers a view, and the late clicks a view finds waiting."""
        if prepared.request_key:
            if prepared.event.action == Action.CLICK:
                return self._requests.click(prepared.request_key, rows[0], time, received_at), ()
            if prepared.event.action == Action.VIEW:
                return False, tuple(self._requests.view(prepared.request_key, rows, received_at))
        return False, ()

    def _earlier_events(self) -> dict[int, list[tuple[Micros, str, str]]]:
        """Stored events of the batch's hashes within the horizon: (received_at, user id, event id).

        The user id of an opted-out user's event is empty.
        """
        sql = (
            "SELECT log.received_at, log.event_key, log.payload FROM json_each(?) AS wanted "
            "CROSS JOIN log ON log.event_key = wanted.value"
        )
        least, most = self._conn.execute(
            "SELECT (SELECT min(event_key) FROM log WHERE event_key IS NOT NULL), "
            "(SELECT max(event_key) FROM log WHERE event_key IS NOT NULL)"
        ).fetchone()
        if least is None:
            return {}
        wanted: list[int] = []
        for prepared in self._batch.events:
            received_at = self._log.received_at(prepared.event.time)
            keys = event_keys_within(prepared.event_hash, received_at, self._horizon)
            wanted += [key for key in keys if least <= key <= most]  # weeks to come, and weeks long gone, hold none
        earlier: dict[int, list[tuple[Micros, str, str]]] = {}
        for received_at, key, payload in self._conn.execute(sql, (json.dumps(wanted),)):
            event = log.EventRecorded.FromString(payload).event
            earlier.setdefault(hash_of(key), []).append((received_at, event.user_id, event.event_id))
        return earlier


def _item_ids(event: Event) -> tuple[str, ...]:
    return event.item_ids or ((event.item_id,) if event.item_id else ())
