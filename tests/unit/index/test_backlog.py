"""What is due follows the log: newest content, once, in order; a lone arrival before an import."""

import numpy as np
import pytest

from feedrank.index.backlog import FRESH_AT_MOST, Backlog
from feedrank.index.stories import StoryBook
from feedrank.records import Kind, Record, pack_vector
from feedrank.types import HOUR, SECOND, Action
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import log_pb2 as log

NOW = 1_700_000_000 * SECOND
AXES = np.eye(3, dtype=np.float32)


class Log:
    """Writes records as the store would."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def _add(self, kind: int, payload: bytes) -> int:
        offset = len(self.records) + 1
        self.records.append(Record(offset, kind, 1, NOW + offset, NOW + offset, False, payload))
        return offset

    def item(self, row: int, text: str, published_s: int = 0) -> int:
        item = pb.Item(item_id=f"i{row}", title=text)
        if published_s:
            item.published_at.seconds = published_s
        payload = log.ItemUpserted(item=item, row=row, content_hash=text.encode())
        return self._add(Kind.ITEM_UPSERTED, payload.SerializeToString())

    def delete(self, row: int) -> int:
        return self._add(Kind.ITEM_DELETED, log.ItemDeleted(item_id=f"i{row}", row=row).SerializeToString())

    def vector(self, row: int, text: str, story: int, values: np.ndarray = AXES[0], space: str = "text:s") -> int:
        payload = log.VectorLanded(
            space=space, row=row, content_hash=text.encode(), values=pack_vector(values), story_row=story
        )
        return self._add(Kind.VECTOR_LANDED, payload.SerializeToString())

    def event(self, action: Action, query: str = "", user_id: str = "u") -> int:
        event = pb.Event(user_id=user_id, action=action, query=query)  # type: ignore[arg-type]
        return self._add(Kind.EVENT, log.EventRecorded(event=event).SerializeToString())

    def query_vector(self, search: int, space: str = "text:s") -> int:
        payload = log.QueryEmbedded(user_id="u", space=space, search_offset=search, values=pack_vector(AXES[0]))
        return self._add(Kind.QUERY_EMBEDDED, payload.SerializeToString())

    def unknown(self) -> int:
        return self._add(9_999, b"\xff\xff")


def backlog() -> Backlog:
    return Backlog("text:s", StoryBook(0.86, 48 * HOUR))


def follow(due: Backlog, written: Log) -> None:
    due.apply(written.records[due.position :])


def everything(due: Backlog) -> list[int]:
    taken = []
    while len(due):
        taken += due.take(64)
    return taken


def test_items_and_searches_are_due_in_log_order() -> None:
    written, due = Log(), backlog()
    offsets = [written.item(0, "a"), written.event(Action.SEARCH, "q"), written.item(1, "b")]
    written.event(Action.CLICK)
    written.event(Action.SEARCH, "  ")
    written.event(Action.SEARCH, "q", user_id="")  # of a user who opted out
    written.item(2, "  \n ")  # nothing to read
    written.unknown()
    follow(due, written)
    assert len(due) == 3 and due.position == 8
    assert everything(due) == offsets
    assert everything(due) == []


def test_only_the_newest_content_is_due_and_only_while_it_is_not_in_force() -> None:
    written, due = Log(), backlog()
    written.item(0, "a")
    second = written.item(0, "b")
    follow(due, written)
    assert everything(due) == [second]
    written.vector(0, "b", 0)
    written.item(0, "b")  # upserted again, unchanged
    follow(due, written)
    assert everything(due) == []
    third = written.item(0, "a")
    follow(due, written)
    assert everything(due) == [third]
    written.vector(0, "a", 0)
    fourth = written.item(0, "b")  # back again: b's vector is stored, but a's is in force
    follow(due, written)
    assert everything(due) == [fourth]


def test_what_landed_or_was_deleted_meanwhile_is_due_no_longer() -> None:
    written, due = Log(), backlog()
    written.item(0, "a")
    written.item(1, "b")
    search = written.event(Action.SEARCH, "q")
    stale = written.item(2, "new words")
    follow(due, written)
    written.vector(0, "a", 0)
    written.delete(1)
    written.query_vector(search, space="text:other")
    written.vector(2, "old words", 2)
    follow(due, written)
    assert len(due) == 2
    written.query_vector(search)
    follow(due, written)
    assert everything(due) == [stale]


def test_a_deleted_item_that_comes_back_needs_no_new_vector() -> None:
    written, due = Log(), backlog()
    written.item(0, "a")
    written.vector(0, "a", 0)
    written.delete(0)
    written.item(0, "a")
    written.delete(1)
    back = written.item(1, "b")
    follow(due, written)
    assert everything(due) == [back]


def test_a_lone_arrival_goes_turn_and_turn_about_with_an_import() -> None:
    written, due = Log(), backlog()
    imported = [written.item(row, f"text {row}") for row in range(300)]
    follow(due, written)
    assert due.take(64) == imported[:64]
    for start in range(64, 264, 50):
        fresh = written.item(1_000 + start, "news")
        follow(due, written)
        assert due.take(50) == [fresh]
        fresh = written.item(2_000 + start, "news")  # arriving all the time, they still let the import through
        follow(due, written)
        assert due.take(25) == imported[start : start + 25]
        assert due.take(25) == [fresh]
        assert due.take(25) == imported[start + 25 : start + 50]


def test_more_arrivals_than_a_batch_are_an_import_and_wait_their_turn() -> None:
    written, due = Log(), backlog()
    first = [written.item(row, f"text {row}") for row in range(100)]
    follow(due, written)
    burst = [written.item(row, f"text {row}") for row in range(100, 101 + FRESH_AT_MOST)]
    follow(due, written)
    assert due.take(50) == first[:50]
    lone = written.item(900, "news")
    follow(due, written)
    assert due.take(50) == [lone]
    assert everything(due) == first[50:] + burst


@pytest.mark.parametrize("published_s", [0, 1_600_000_000])
def test_stories_count_from_publication_or_else_from_landing(published_s: int) -> None:
    written, due = Log(), backlog()
    written.item(0, "a", published_s)
    written.vector(0, "a", 0)
    follow(due, written)
    assert due.published_at(0) == published_s * SECOND
    counts_at = published_s * SECOND or NOW
    rows = np.array([7], np.int32)
    assert due.stories.assign(rows, AXES[:1], np.array([counts_at + 47 * HOUR])).tolist() == [0]
    assert due.stories.assign(rows, AXES[:1], np.array([counts_at + 49 * HOUR])).tolist() == [7]


def test_a_callers_own_vector_settles_no_story_and_makes_no_text_vector() -> None:
    written, due = Log(), backlog()
    written.item(0, "a")
    offset = written.item(1, "b")
    written.vector(0, "a", 0, AXES[1])
    written.vector(1, "b", 1, AXES[2], space="graph")
    follow(due, written)
    assert everything(due) == [offset]
    assert due.stories.assign(np.array([1], np.int32), AXES[1:2], np.array([NOW])).tolist() == [0]
