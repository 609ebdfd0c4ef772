"""A process that appends is killed at any moment: whatever it was told is stored is stored, once."""

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from feedrank.records import EventRecorded, ItemUpserted, decode
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.types import SECOND, UserId

NOW = 1_700_000_000 * SECOND
BATCH = 25
THREADS = 3
ROUNDS = 5

# Appends batch after batch from several threads, and says so only after the store has answered. Each round sends the
# batches of the round before again, as a client does that never heard an answer.
INGEST = f"""
import sys, threading
from pathlib import Path
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.types import Action, Event, Item, ItemId, SECOND, UserId

store = SqliteStore.open(Path(sys.argv[1]), Settings())
first = int(sys.argv[2])

def ingest(thread):
    batch = first
    while True:
        name = f"{{thread}}-{{batch}}"
        user = UserId(f"user-{{thread}}")
        events = [
            Event(f"{{name}}-{{i}}", user, {NOW}, Action.CLICK, f"item-{{(batch * 7 + i) % 50}}", request_id=name)
            for i in range({BATCH})
        ]
        result = store.append_events(events, {NOW})
        assert result.accepted + result.duplicates == {BATCH} and result.accepted in (0, {BATCH}), result
        store.append_items([Item(ItemId(f"own-{{name}}"), name)], {NOW})
        sys.stdout.write(name + "\\n")
        sys.stdout.flush()
        batch += 1

for thread in range({THREADS}):
    threading.Thread(target=ingest, args=(thread,)).start()
"""


def ingest_and_kill(data_dir: Path, first: int, answers: int) -> list[str]:
    """Runs the ingest until it has answered so often, kills it, and returns the batches it had answered."""
    child = subprocess.Popen(
        [sys.executable, "-c", INGEST, str(data_dir), str(first)], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert child.stdout is not None
    answered = [child.stdout.readline().strip() for _ in range(answers)]
    child.kill()
    rest, _ = child.communicate()
    answered += [line for line in rest.split("\n")[:-1] if line]  # a line cut short was not answered
    assert child.returncode == -9
    return answered


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A data directory after several kills, and every batch that had been answered."""
    rng = random.Random(11)
    data_dir = tmp_path_factory.mktemp("killed")
    answered: set[str] = set()
    first = 0
    for _ in range(ROUNDS):
        answered.update(ingest_and_kill(data_dir, first, rng.randrange(5, 60)))
        first = max(0, max(int(name.split("-")[1]) for name in answered) - 3)
    return data_dir, answered


def test_every_answered_event_is_there_exactly_once(killed: tuple[Path, set[str]]) -> None:
    data_dir, answered = killed
    store = SqliteStore.open(data_dir, Settings())
    facts = [decode(record) for record in store.read(0, 1_000_000)]
    counts = Counter(fact.event.event_id for fact in facts if isinstance(fact, EventRecorded))
    assert set(counts.values()) == {1}
    assert {f"{name}-{i}" for name in answered for i in range(BATCH)} <= set(counts)
    titles = Counter(fact.item.title for fact in facts if isinstance(fact, ItemUpserted))
    assert answered <= set(titles)
    assert set(titles.values()) == {1}
    store.close()


def test_no_batch_is_there_in_part_and_all_tables_agree(killed: tuple[Path, set[str]]) -> None:
    data_dir, _ = killed
    store = SqliteStore.open(data_dir, Settings())
    assert store._writer.run_alone(lambda conn: conn.execute("PRAGMA integrity_check").fetchall()) == [("ok",)]
    found = [fact for fact in map(decode, store.read(0, 1_000_000)) if isinstance(fact, EventRecorded)]
    batches = Counter(fact.event.event_id.rpartition("-")[0] for fact in found)
    assert set(batches.values()) == {BATCH}
    rows = {fact.event.item_id: fact.rows for fact in found}
    assert all(fact.rows == rows[fact.event.item_id] for fact in found)
    numbers = store.rows_of(list(rows))
    assert [(number,) for number in numbers] == list(rows.values())
    for thread in range(THREADS):
        user = UserId(f"user-{thread}")
        offsets = [fact.offset for fact in found if fact.event.user_id == user]
        assert [record.offset for record in store.user_history(user).records] == offsets[-200:]
    store.close()
