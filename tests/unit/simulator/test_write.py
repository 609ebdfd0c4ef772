import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from feedrank.errors import Conflict, InvalidInput
from feedrank.records import EventRecorded, ItemUpserted, decode
from feedrank.settings import Settings
from feedrank.simulator import LoggingPolicy, World, WorldSettings, simulate, write_world
from feedrank.store.sqlite import SqliteStore
from feedrank.types import Micros

SMALL = WorldSettings(users=20, items=120, days=1, seed=4)
SCRIPT = Path(__file__).parents[3] / "scripts" / "simulate.py"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "data", Settings())
    yield opened
    opened.close()


def test_a_world_lands_once_in_order_of_time(store: SqliteStore) -> None:
    world = World.build(SMALL)
    events = list(simulate(world, LoggingPolicy(world)))
    seen: list[Micros] = []
    written = write_world(world, events, store, seen.append)
    assert (written.items.accepted, written.users.accepted, written.events.accepted) == (120, 20, len(events))
    assert sum(written.actions.values()) == len(events)
    assert seen == [events[-1].time]

    facts = [fact for record in store.read(0, 10_000) if (fact := decode(record))]
    items = [fact for fact in facts if isinstance(fact, ItemUpserted)]
    recorded = [fact for fact in facts if isinstance(fact, EventRecorded)]
    assert [fact.item.item_id for fact in items] == list(world.item_ids)
    assert [fact.event.event_id for fact in recorded] == [event.event_id for event in events]
    assert [fact.time for fact in recorded] == [event.time for event in events]
    assert all(fact.imported for fact in (*items, *recorded))
    assert {fact.region for fact in recorded} <= {region.code for region in world.lexicon.regions}
    assert store.account(world.user_ids[3]).user == world.user(3)
    rows = [row for row in store.rows_of(world.item_ids) if row is not None]
    assert store.items(rows) == list(world.items())

    again = write_world(world, events, store, seen.append)
    assert (again.items.duplicates, again.users.duplicates, again.events.duplicates) == (120, 20, len(events))
    assert again.events.accepted == again.events.rejected == 0


def test_a_data_directory_holds_one_world(store: SqliteStore) -> None:
    world = World.build(SMALL)
    write_world(world, [], store, lambda _: None)
    other = World.build(WorldSettings(users=20, items=120, days=1, seed=5))
    with pytest.raises(Conflict, match='"seed": 4'):
        write_world(other, [], store, lambda _: None)


@pytest.mark.parametrize(
    ("field", "value"), [("users", 0), ("items", 2_000_000), ("days", 0), ("seed", -1), ("start", 1), ("slate_size", 0)]
)
def test_settings_out_of_range_are_refused_by_name(field: str, value: int) -> None:
    with pytest.raises(InvalidInput, match=rf"WorldSettings\.{field} is {value}"):
        WorldSettings(**{field: value})


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *options], capture_output=True, text=True, check=False)


def test_the_command_writes_a_world_and_its_summary(tmp_path: Path) -> None:
    report = tmp_path / "summary.json"
    options = ["--data-dir", str(tmp_path / "data"), "--users", "20", "--items", "120", "--days", "1"]
    done = run(*options, "--seed", "4", "--json", str(report))
    assert done.returncode == 0, done.stderr
    summary = json.loads(report.read_text())
    assert summary["items"]["accepted"] == 120
    assert summary["events"]["accepted"] == sum(summary["actions"].values()) > 100
    refused = run(*options, "--seed", "5")
    assert refused.returncode == 1
    assert "another simulated world" in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--users", "0"], "WorldSettings.users is 0"),
        (["--start", "yesterday"], "--start 'yesterday' is not a day"),
        (["--json", "/nowhere/at/all.json"], "there is no folder /nowhere/at"),
    ],
)
def test_the_command_refuses_wrong_input_before_writing(tmp_path: Path, options: list[str], message: str) -> None:
    done = run("--data-dir", str(tmp_path / "data"), *options)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()
