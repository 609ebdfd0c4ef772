"""What may be retrieved follows the log: landings, deletions, expiry, and items that come back."""

import numpy as np
import pytest

from feedrank.index.retrievable import Retrievable
from feedrank.records import Fact, ItemDeleted, ItemUpserted, VectorLanded
from feedrank.state import State, apply
from feedrank.types import HOUR, Micros
from feedrank.v1 import feedrank_pb2 as pb

AT: Micros = 1_700_000_000_000_000


class Log:
    """Facts folded and followed one after another."""

    def __init__(self) -> None:
        self.state = State()
        self.retrievable = Retrievable(self.state)
        self.offset = 0

    def take(self, fact: Fact) -> None:
        apply(self.state, [fact])
        self.retrievable.follow([fact])

    def at(self) -> tuple[int, Micros, Micros, bool]:
        self.offset += 1
        return self.offset, AT, AT, False

    def upsert(self, row: int, expires_at: Micros = 0) -> None:
        item = pb.Item(item_id=f"i{row}")
        if expires_at:
            item.expires_at.FromMicroseconds(expires_at)
        self.take(ItemUpserted(*self.at(), row, item, b""))

    def land(self, row: int, axis: int, space: str = "s") -> None:
        self.take(VectorLanded(*self.at(), row, f"i{row}", space, b"", np.eye(4, dtype=np.float32)[axis], row))

    def delete(self, row: int) -> None:
        self.take(ItemDeleted(*self.at(), row, f"i{row}"))

    def found(self, axis: int, space: str = "s") -> list[int]:
        rows, scores = self.retrievable.indices[space].view.search(np.eye(4, dtype=np.float32)[[axis]], 9)
        return [int(row) for row in rows[0][scores[0] > 0.5]]


@pytest.fixture
def log() -> Log:
    return Log()


def test_an_item_is_found_by_its_newest_vector_in_each_space(log: Log) -> None:
    log.land(0, 1)
    log.land(1, 1)
    log.land(0, 2)
    log.land(0, 3, space="t")
    assert (log.found(1), log.found(2), log.found(3, "t")) == ([1], [0], [0])


def test_a_deleted_item_leaves_and_comes_back_with_an_upsert(log: Log) -> None:
    log.upsert(0)
    log.land(0, 1)
    log.delete(0)
    assert log.found(1) == []
    log.land(0, 2)  # lands for histories alone
    assert log.found(2) == []
    log.upsert(0)
    assert log.found(2) == [0]


def test_an_expired_item_leaves(log: Log) -> None:
    log.upsert(0, expires_at=AT + HOUR)
    log.land(0, 1)
    log.retrievable.expire(AT)
    assert log.found(1) == [0]
    log.retrievable.expire(AT + HOUR)
    assert log.found(1) == []


def test_a_state_read_from_a_snapshot_is_indexed_whole(log: Log) -> None:
    for row in range(5):
        log.upsert(row)
        log.land(row, 1)
    log.delete(3)
    again = Retrievable(log.state)
    rows, _ = again.indices["s"].view.search(np.eye(4, dtype=np.float32)[[1]], 9)
    assert rows[0][rows[0] >= 0].tolist() == [0, 1, 2, 4]
    again.compact()
    assert again.indices["s"].view.live == 4
