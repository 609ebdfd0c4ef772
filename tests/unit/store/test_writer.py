"""Group commit: what callers share, and what they do not."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from feedrank.errors import InvalidInput, StoreError, StoreFull
from feedrank.store import writer as writer_module
from feedrank.store.connections import open_writer
from feedrank.store.writer import GroupCommitWriter


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[GroupCommitWriter]:
    path = tmp_path / "t.sqlite3"
    made = GroupCommitWriter(open_writer(path), path)
    made.write(lambda conn: conn.execute("CREATE TABLE t (x INTEGER)"))
    yield made
    made.close()


def put(x: int) -> "Insert":
    return Insert(x)


class Insert:
    def __init__(self, x: int, fail: bool = False) -> None:
        self.x = x
        self.fail = fail

    def __call__(self, conn: sqlite3.Connection) -> int:
        conn.execute("INSERT INTO t (x) VALUES (?)", (self.x,))
        if self.fail:
            raise InvalidInput(f"{self.x} is unfit")
        return self.x


def stored(writer: GroupCommitWriter) -> list[int]:
    return writer.write(lambda conn: [x for (x,) in conn.execute("SELECT x FROM t ORDER BY x")])


def queued_behind_one(writer: GroupCommitWriter, batches: list[Insert]) -> list[object]:
    """Submits batches from threads of their own while the writer is held within a first; returns outcomes in order."""
    held, release = threading.Event(), threading.Event()
    outcomes: list[object] = [None] * len(batches)

    def first(conn: sqlite3.Connection) -> None:
        held.set()
        release.wait()

    def submit(i: int) -> None:
        try:
            outcomes[i] = writer.write(batches[i])
        except (InvalidInput, StoreError) as error:
            outcomes[i] = error

    opening = threading.Thread(target=lambda: writer.write(first))
    opening.start()
    held.wait()
    threads = []
    for i in range(len(batches)):
        threads.append(threading.Thread(target=submit, args=(i,)))
        threads[-1].start()
        while writer._jobs.qsize() <= i:
            pass
    release.set()
    for thread in (opening, *threads):
        thread.join()
    return outcomes


class TestGroups:
    @pytest.fixture(autouse=True)
    def patient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(writer_module, "_GROUP_S", 60.0)

    def test_batches_that_wait_share_one_commit(self, writer: GroupCommitWriter) -> None:
        before = writer.commits
        assert queued_behind_one(writer, [put(x) for x in range(8)]) == list(range(8))
        assert writer.commits == before + 1
        assert stored(writer) == list(range(8))

    def test_a_batch_that_fails_takes_only_itself_back(self, writer: GroupCommitWriter) -> None:
        outcomes = queued_behind_one(writer, [put(1), Insert(2, fail=True), put(3)])
        assert (outcomes[0], outcomes[2]) == (1, 3)
        assert isinstance(outcomes[1], InvalidInput)
        assert stored(writer) == [1, 3]

    def test_a_full_disk_keeps_nothing_of_the_batch_it_hits(self, writer: GroupCommitWriter) -> None:
        (pages,) = writer.write(lambda conn: conn.execute("PRAGMA page_count").fetchone())
        writer.write(lambda conn: conn.execute(f"PRAGMA max_page_count = {pages}").fetchone())
        large = "INSERT INTO t (x) VALUES (zeroblob(100000))"
        with pytest.raises(StoreFull, match="disk is full"):
            writer.write(lambda conn: conn.execute(large))
        writer.write(put(7))
        assert stored(writer) == [7]


def test_the_first_batch_of_a_group_is_undone_too(writer: GroupCommitWriter) -> None:
    with pytest.raises(InvalidInput, match="1 is unfit"):
        writer.write(Insert(1, fail=True))
    assert stored(writer) == []


def test_a_mistake_in_sql_is_told_and_undone(writer: GroupCommitWriter, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"t\.sqlite3.*no such table"):
        writer.write(lambda conn: (put(1)(conn), conn.execute("SELECT * FROM nowhere")))
    assert stored(writer) == []


def test_closing_finishes_what_was_submitted(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite3"
    writer = GroupCommitWriter(open_writer(path), path)
    writer.write(lambda conn: conn.execute("CREATE TABLE t (x INTEGER)"))
    threads = [threading.Thread(target=writer.write, args=(put(x),)) for x in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    with pytest.raises(StoreError, match="closed"):
        writer.write(put(9))
    conn = sqlite3.connect(path)
    assert conn.execute("SELECT count(*) FROM t").fetchone() == (5,)
    conn.close()


def test_checkpoints_run_between_transactions(writer: GroupCommitWriter, tmp_path: Path) -> None:
    writer.write(put(1))
    assert (tmp_path / "t.sqlite3-wal").stat().st_size > 0
    writer.run_alone(lambda conn: conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())
    assert (tmp_path / "t.sqlite3-wal").stat().st_size == 0
