"""Snapshots: resuming equals folding everything, and no damaged file is ever parsed."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedrank.errors import StoreError, StoreFull, StoreTooNew
from feedrank.records import Fact
from feedrank.state import State, apply, snapshot
from feedrank.types import DAY, HOUR
from tests.observed import assert_same, observe
from tests.strategies import T0, FactLog, fact_logs, long_log


def fold(facts: Sequence[Fact]) -> State:
    state = State()
    apply(state, facts)
    return state


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fact_logs(), st.data())
def test_a_snapshot_and_the_tail_give_what_the_whole_log_gives(
    tmp_path: Path, log: FactLog, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(log.facts)))
    path = tmp_path / "state"
    snapshot.save(fold(log.facts[:place]), path)
    resumed, whole = snapshot.load(path), fold(log.facts)
    assert resumed.position == place
    apply(resumed, log.facts[place:])
    newest = max((fact.received_at for fact in log.facts), default=T0)
    for now in (newest, newest + HOUR, newest + 30 * DAY):
        assert_same(observe(resumed, now), observe(whole, now))
    assert resumed.position == whole.position
    assert resumed.catalog.row_of == whole.catalog.row_of
    for name, vocabulary in whole.catalog.vocabularies.items():
        assert resumed.catalog.vocabularies[name].words == vocabulary.words


def test_saving_changes_nothing_that_can_be_read_and_replaces_the_file_whole(tmp_path: Path) -> None:
    facts = long_log(seed=1, length=400).facts
    state, path = fold(facts), tmp_path / "state"
    before = observe(state, T0 + 90 * DAY)
    snapshot.save(fold(facts[:10]), path)
    snapshot.save(state, path)
    assert_same(observe(state, T0 + 90 * DAY), before)
    assert_same(observe(snapshot.load(path), T0 + 90 * DAY), before)
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    snapshot.save(fold(long_log(seed=2, length=100).facts), path)
    return path


@pytest.mark.parametrize("where", [0.0, 0.001, 0.1, 0.5, 0.9, 0.9999])
def test_an_altered_byte_is_refused_before_anything_is_parsed(
    saved: Path, where: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(saved.read_bytes())
    data[int(where * len(data))] ^= 0x10
    saved.write_bytes(data)

    def parsed(*_: object, **__: object) -> None:
        raise AssertionError("a damaged snapshot was parsed")

    monkeypatch.setattr(np, "load", parsed)
    with pytest.raises(StoreError, match="delete it: state is rebuilt from the log"):
        snapshot.load(saved)


@pytest.mark.parametrize("length", [0, 1, 20, 200, -1])
def test_a_truncated_snapshot_is_refused(saved: Path, length: int) -> None:
    saved.write_bytes(saved.read_bytes()[:length])
    with pytest.raises(StoreError, match="delete it"):
        snapshot.load(saved)


def test_a_snapshot_of_a_newer_feedrank_says_so(saved: Path) -> None:
    first, _, rest = saved.read_bytes().partition(b"\n")
    header = json.loads(first) | {"schema": snapshot.SCHEMA + 1}
    saved.write_bytes(json.dumps(header).encode() + b"\n" + rest)
    with pytest.raises(StoreTooNew, match=r"use a newer feedrank, or delete it"):
        snapshot.load(saved)


def test_a_snapshot_of_other_counters_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    other = State()
    other.co_engaged.half_life = 2 * DAY
    snapshot.save(other, path)
    with pytest.raises(StoreError, match="was made for other counters or columns; delete it"):
        snapshot.load(path)


def test_a_missing_snapshot_and_one_that_cannot_be_written_are_errors_of_the_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="could not be read: No such file"):
        snapshot.load(tmp_path / "state")
    with pytest.raises(StoreError, match="could not be written"):
        snapshot.save(State(), tmp_path / "nowhere" / "state")


def test_a_full_disk_leaves_the_older_snapshot(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreFull, match="No space left"):
        snapshot.save(State(), saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]
