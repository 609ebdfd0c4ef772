"""Several processes append to one data directory at once, and one waits for what the others write."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from feedrank.records import EventRecorded, decode
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.types import SECOND

NOW = 1_700_000_000 * SECOND
PROCESSES = 3
BATCHES = 25
BATCH = 20

# Every process sends its own events, and the same shared ones.
APPEND = f"""
import sys
from pathlib import Path
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.types import Action, Event, UserId

store = SqliteStore.open(Path(sys.argv[1]), Settings())
me = sys.argv[2]
print("open", flush=True)
sys.stdin.readline()
for b in range({BATCHES}):
    for sender in (me, "shared"):
        store.append_events(
            [
                Event(f"{{sender}}-{{b}}-{{i}}", UserId(sender), {NOW}, Action.CLICK, f"{{sender}}-item-{{i}}")
                for i in range({BATCH})
            ],
            {NOW},
        )
store.close()
"""


def test_processes_append_together_and_each_event_counts_once(tmp_path: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", APPEND, str(tmp_path), f"p{n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(PROCESSES)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
    store = SqliteStore.open(tmp_path, Settings())
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    expected = (PROCESSES + 1) * BATCHES * BATCH
    found: list[EventRecorded] = []
    position = 0
    while len(found) < expected:
        assert store.wait(position, 60.0), "the other processes append, and nothing arrived"
        for record in store.read(position, 1_000):
            assert record.offset == position + 1  # nothing appears behind what was read
            fact = decode(record)
            assert isinstance(fact, EventRecorded)
            found.append(fact)
            position = record.offset
    for child in children:
        child.communicate()
        assert child.returncode == 0
    assert store.position() == position == expected
    assert set(Counter((f.event.user_id, f.event.event_id) for f in found).values()) == {1}
    by_first_sight = dict.fromkeys(f.event.item_id for f in found)
    assert store.rows_of(list(by_first_sight)) == list(range((PROCESSES + 1) * BATCH))
    store.close()
