"""The embedding process, as a process, with the packaged encoder: what lands, when, and what survives kill -9."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from feedrank.records import QueryEmbedded, VectorLanded, decode
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.types import SECOND, Action, Event, Item, ItemId, UserId

SPACE = "text:all-MiniLM-L6-v2"
PATIENCE_S = 120.0  # nothing here is timed; this only ends a test that hangs

PROCESS = """
import logging, signal, sys, threading
from pathlib import Path
from feedrank.serving.indexer import run_indexer
from feedrank.settings import Settings
logging.basicConfig(level=logging.INFO)
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
run_indexer(Path(sys.argv[1]), Settings(encoder=sys.argv[2]), once=sys.argv[3] == "once", stop=stop)
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts an indexer on tmp_path; whatever still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def start(mode: str = "follow", encoder: str = "all-MiniLM-L6-v2") -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", PROCESS, str(tmp_path), encoder, mode]
        running.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path, Settings())
    yield opened
    opened.close()


def now() -> int:
    return time.time_ns() // 1_000


def upsert(store: SqliteStore, *titles: str) -> None:
    items = [Item(ItemId(title), title=title) for title in titles]
    assert store.append_items(items, now()).accepted == len(titles)


def articles(count: int) -> list[str]:
    words = ["minister", "striker", "budget", "storm", "museum", "rocket", "harvest", "strike", "vaccine", "festival"]
    return [f"{words[n % 10]} {words[n // 10 % 10]} {n} " + "and more of the story " * 9 for n in range(count)]


def landed(store: SqliteStore) -> list[str]:
    """Item ids in the order their vectors landed."""
    facts = [decode(record) for record in store.read(0, 100_000)]
    return [fact.item_id for fact in facts if isinstance(fact, VectorLanded)]


def lands(store: SqliteStore, title: str) -> bool:
    return title in landed(store)


def state(store: SqliteStore) -> str:
    for worker in store.workers(now() - 5 * SECOND):
        if worker.worker_id == "indexer":
            return worker.details["encoder_state"]
    return "absent"


def until(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def finish(process: "subprocess.Popen[str]") -> str:
    """Waits for a clean end and returns what was logged."""
    log = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 0, log
    return log


def test_once_embeds_what_is_there_and_again_finds_nothing_to_do(start: Start, store: SqliteStore) -> None:
    upsert(store, "Striker wins the cup for City", "City striker wins the cup", "Bank raises rates")
    store.append_events([Event("e", UserId("u"), now(), Action.SEARCH, query="secret football wish")], now())
    assert "secret" not in finish(start("once"))
    stored = store.vectors(SPACE)
    assert sorted(stored.rows) == [0, 1, 2]
    assert np.allclose(np.linalg.norm(stored.values, axis=1), 1.0, atol=1e-3)
    facts = [decode(record) for record in store.read(0, 100)]
    stories = {fact.row: fact.story_row for fact in facts if isinstance(fact, VectorLanded)}
    assert stories[1] == stories[0] and stories[2] == 2
    assert [fact.search_offset for fact in facts if isinstance(fact, QueryEmbedded)] == [4]
    position = store.position()
    finish(start("once"))
    assert store.position() == position


def test_a_new_article_lands_before_a_backlog_is_done_and_sigterm_keeps_what_landed(
    start: Start, store: SqliteStore
) -> None:
    backlog = articles(1_500)
    upsert(store, *backlog)
    process = start()
    until(lambda: state(store).startswith("embedding"), process)
    upsert(store, "Breaking: volcano erupts")
    until(lambda: "Breaking: volcano erupts" in landed(store), process)
    done = landed(store)
    assert len(done) < len(backlog), "the article waited for the whole backlog"
    process.send_signal(signal.SIGTERM)
    log = finish(process)
    assert "volcano" not in log
    done = landed(store)
    assert [item for item in done if item in set(backlog)] == backlog[: len(done) - 1]  # in log order
    assert max(Counter(done).values()) == 1


def test_a_running_indexer_embeds_what_arrives(start: Start, store: SqliteStore) -> None:
    process = start()
    until(lambda: state(store) == "ready", process)
    for title in ("First news", "Second news"):
        upsert(store, title)
        until(partial(lands, store, title), process)
    store.delete_items(["First news"], now())
    store.append_items([Item(ItemId("Second news"), title="Second news, corrected")], now())
    until(lambda: landed(store).count("Second news") == 2, process)
    assert landed(store).count("First news") == 1


def test_kill_9_loses_nothing_and_repeats_nothing(start: Start, store: SqliteStore) -> None:
    upsert(store, *articles(250))
    process = start()
    until(lambda: len(landed(store)) > 0, process)
    process.kill()
    process.wait()
    assert 0 < len(landed(store)) < 250
    finish(start("once"))  # waits until the killed one's lease has run out
    assert landed(store) == articles(250)


def test_one_at_a_time_and_the_other_takes_over(start: Start, store: SqliteStore) -> None:
    first = start()
    until(lambda: state(store) == "ready", first)
    second = start()
    upsert(store, *articles(20))
    until(lambda: len(landed(store)) == 20, first)
    assert {worker.pid for worker in store.workers(0)} == {first.pid}
    first.send_signal(signal.SIGTERM)
    finish(first)
    upsert(store, "After the change of guard")
    until(lambda: "After the change of guard" in landed(store), second)
    assert {worker.pid for worker in store.workers(0)} == {second.pid}


def test_a_broken_encoder_is_reported_and_the_process_stays(start: Start, store: SqliteStore, tmp_path: Path) -> None:
    upsert(store, "News")
    process = start(encoder=str(tmp_path / "no-such-model"))
    until(lambda: state(store).startswith("failed: encoder"), process)
    assert "no folder is there" in state(store)
    process.send_signal(signal.SIGTERM)
    assert "trying again" in finish(process)
    once = start("once", encoder=str(tmp_path / "no-such-model"))
    assert "no folder is there" in once.communicate(timeout=PATIENCE_S)[1]
    assert once.returncode != 0


def test_without_an_encoder_it_says_so_and_embeds_nothing(start: Start, store: SqliteStore) -> None:
    upsert(store, "News")
    process = start(encoder="none")
    until(lambda: state(store) == "off", process)
    process.send_signal(signal.SIGTERM)
    finish(process)
    finish(start("once", encoder="none"))
    assert landed(store) == []


def test_sigterm_while_the_encoder_loads_ends_at_once_and_cleanly(start: Start, store: SqliteStore) -> None:
    upsert(store, "News")
    process = start()
    until(lambda: state(store) == "loading", process)
    process.send_signal(signal.SIGTERM)
    finish(process)
