"""What any LogStore must do: the log itself, waiting for it, and coordination between processes."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from feedrank.errors import InvalidInput, StoreError
from feedrank.records import EventRecorded, Fact, Kind, decode
from feedrank.store import LogStore, WorkerStatus
from feedrank.types import (
    DAY,
    MINUTE,
    SECOND,
    Action,
    Event,
    Item,
    ItemId,
    Micros,
    UserId,
    WriteResult,
)
from feedrank.v1 import log_pb2 as log

NOW: Micros = 1_700_000_000 * SECOND
ANN, BOB = UserId("ann"), UserId("bob")

Opener = Callable[..., LogStore]


def event(
    event_id: str, action: Action, item_id: str = "", at: Micros = NOW, user: UserId = ANN, **more: object
) -> Event:
    return replace(Event(event_id, user, at, action, item_id), **more)  # type: ignore[arg-type]


def facts(store: LogStore) -> list[Fact]:
    decoded = [decode(record) for record in store.read(0, 10_000)]
    assert None not in decoded
    return [fact for fact in decoded if fact is not None]


def event_facts(store: LogStore) -> list[EventRecorded]:
    return [fact for fact in facts(store) if isinstance(fact, EventRecorded)]


def add(store: LogStore, *events: Event, received_at: Micros | None = NOW) -> None:
    assert store.append_events(events, received_at) == WriteResult(accepted=len(events))


class TestLog:
    def test_offsets_rise_and_reading_resumes_anywhere(self, store: LogStore) -> None:
        assert (store.position(), store.read(0, 10)) == (0, [])
        add(store, *(event(f"e{i}", Action.CLICK, f"i{i}") for i in range(5)))
        offsets = [record.offset for record in store.read(0, 100)]
        assert offsets == sorted(set(offsets))
        assert store.position() == offsets[-1]
        assert [record.offset for record in store.read(offsets[1], 2)] == offsets[2:4]
        assert store.read(offsets[-1], 10) == []

    def test_live_records_are_received_in_log_order_whatever_the_clocks_say(self, store: LogStore) -> None:
        add(store, event("a", Action.CLICK, "x"), received_at=NOW)
        add(store, event("b", Action.CLICK, "x"), received_at=NOW - MINUTE)
        assert [record.received_at for record in store.read(0, 9)] == [NOW, NOW]
        assert [fact.time for fact in facts(store)] == [NOW, NOW]

    def test_imports_are_received_at_their_own_time(self, store: LogStore) -> None:
        add(store, event("a", Action.CLICK, "x", NOW - 300 * DAY), received_at=None)
        (record,) = store.read(0, 9)
        assert (record.time, record.received_at, record.imported) == (NOW - 300 * DAY, NOW - 300 * DAY, True)

    def test_control_records_keep_their_payload(self, store: LogStore) -> None:
        payload = log.ModelActivated(name="m", version="1").SerializeToString()
        offset = store.append_control(Kind.MODEL_ACTIVATED, payload, NOW)
        (record,) = store.read(0, 9)
        assert (record.offset, record.kind, record.payload) == (offset, Kind.MODEL_ACTIVATED, payload)
        with pytest.raises(InvalidInput, match="control"):
            store.append_control(Kind.EVENT, b"", NOW)

    def test_everything_is_there_after_reopening(self, open_store: Opener) -> None:
        first = open_store()
        add(first, event("a", Action.CLICK, "x"))
        first.append_items([Item(ItemId("x"), "Title")], NOW)
        before = first.read(0, 100)
        first.close()
        again = open_store()
        assert again.read(0, 100) == before
        assert again.append_events([event("a", Action.CLICK, "x")], NOW).duplicates == 1
        again.close()

    def test_wait_sees_its_own_and_another_handles_appends(self, open_store: Opener, store: LogStore) -> None:
        assert store.wait(0, 0.0) is False
        other = open_store()
        results: list[bool] = []
        for writer in (store, other):
            position = store.position()
            waiter = threading.Thread(target=lambda at: results.append(store.wait(at, 30)), args=(position,))
            waiter.start()
            add(writer, event(f"by-{id(writer)}", Action.CLICK, "x"))
            waiter.join()
        other.close()
        assert results == [True, True]
        assert store.wait(store.position() - 1, 0.0) is True

    def test_a_closed_store_says_so(self, open_store: Opener) -> None:
        closed = open_store()
        closed.close()
        closed.close()
        for call in (
            lambda: closed.position(),
            lambda: closed.append_events([event("a", Action.CLICK, "x")], NOW),
            lambda: closed.wait(0, 1.0),
        ):
            with pytest.raises(StoreError, match="closed"):
                call()

    def test_threads_append_at_once_and_each_batch_counts_once(self, open_store: Opener, store: LogStore) -> None:
        other = open_store()

        def work(n: int) -> None:
            for b in range(10):
                batch = [
                    event(f"{n}-{b}-{i}", Action.CLICK, f"i{(n + b + i) % 7}", user=UserId(f"u{n}")) for i in range(5)
                ]
                (store if n % 2 else other).append_events(batch, NOW)
                (other if n % 2 else store).append_events(batch, NOW)  # again, through the other

        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        other.close()
        found = event_facts(store)
        assert sorted(f.event.event_id for f in found) == sorted(
            f"{n}-{b}-{i}" for n in range(6) for b in range(10) for i in range(5)
        )
        assert [f.offset for f in found] == sorted(f.offset for f in found)
        rows = {f.event.item_id: f.rows[0] for f in found}
        assert sorted(rows.values()) == list(range(7))
        assert all(f.rows == (rows[f.event.item_id],) for f in found)


class TestCoordination:
    def test_a_lease_has_one_holder_at_a_time(self, open_store: Opener, store: LogStore) -> None:
        other = open_store()
        assert store.acquire_lease("index", "a", NOW, 10 * SECOND) is True
        assert other.acquire_lease("index", "b", NOW + 9 * SECOND, 10 * SECOND) is False
        assert store.acquire_lease("index", "a", NOW + 9 * SECOND, 10 * SECOND) is True
        assert other.acquire_lease("index", "b", NOW + 18 * SECOND, 10 * SECOND) is False
        assert other.acquire_lease("index", "b", NOW + 19 * SECOND, 10 * SECOND) is True
        store.release_lease("index", "a")
        assert store.acquire_lease("index", "a", NOW + 20 * SECOND, SECOND) is False
        other.release_lease("index", "b")
        assert store.acquire_lease("index", "a", NOW + 20 * SECOND, SECOND) is True
        assert store.acquire_lease("another", "b", NOW, SECOND) is True
        other.close()

    def test_workers_are_alive_while_they_beat(self, store: LogStore) -> None:
        one = WorkerStatus("w1", 1, 5, "m@1", NOW, {"encoder": "ready"})
        store.heartbeat(one)
        store.heartbeat(WorkerStatus("w2", 2, 5, "m@1", NOW - MINUTE))
        assert store.workers(NOW - SECOND) == [one]
        newer = replace(one, beat_at=NOW + SECOND, position=6)
        store.heartbeat(newer)
        assert [w.worker_id for w in store.workers(0)] == ["w1", "w2"]
        assert store.workers(NOW) == [newer]

    def test_settings_last(self, open_store: Opener, store: LogStore) -> None:
        assert store.get_setting("name") is None
        store.set_setting("name", "value")
        store.set_setting("name", "other")
        other = open_store()
        assert other.get_setting("name") == "other"
        other.close()
