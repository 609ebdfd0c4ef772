"""The cache of worlds: used while what made it stands, made anew where not, and never changed by who runs on a copy."""

import time
from pathlib import Path

import pytest
import world_log
import worlds
from worlds import World, WorldSpec, is_fresh

from feedrank.errors import NotFound
from feedrank.features import NAMES
from feedrank.state.snapshot import load
from feedrank.types import DAY

SPEC = WorldSpec(items=500, users=40, mean_actions=6.0, dimensions=16)
FEW_TREES = 3


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "TREES", FEW_TREES)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def world(cache: Path) -> World:
    return worlds.ready(SPEC, cache)


def test_a_world_is_whole(world: World) -> None:
    state = load(world.data_dir / "snapshots" / "state")
    assert state.catalog.rows == 500 and state.position == 2 * 500 + world.events
    assert world.users() == [f"u{k}" for k in range(40)]
    assert world.rows().shape == (40 * 60, len(NAMES))
    model = world.registry().load("champion")
    assert model.manifest.space == worlds.SPACE and model.model_text.count("Tree=") == FEW_TREES
    assert len(world.registry().versions()) == 2  # one to swap with
    assert abs(world.end - time.time_ns() // 1_000) < DAY
    before = (world.folder / "derived.json").stat().st_mtime_ns
    assert worlds.ready(SPEC, world.folder.parent, live=True) == world
    assert (world.folder / "derived.json").stat().st_mtime_ns == before


class Made:
    """Stands for the making of worlds, and tells what was made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parts: list[str] = []
        self.end = time.time_ns() // 1_000
        monkeypatch.setattr(worlds, "_make_log", self.log)
        monkeypatch.setattr(worlds, "_derive", self.derived)

    def log(self, world: World) -> dict[str, int]:
        self.parts.append("log")
        return {"end": self.end, "events": 0}

    def derived(self, world: World) -> None:
        self.parts.append("derived")

    def by(self, cache: Path, live: bool = False) -> list[str]:
        """What asking for the world makes."""
        self.parts = []
        worlds.ready(SPEC, cache, live=live)
        return self.parts


def test_a_made_world_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(monkeypatch)
    assert made.by(tmp_path) == ["log", "derived"]
    assert made.by(tmp_path) == []
    assert made.by(tmp_path, live=True) == []


def test_another_fold_or_ranker_derives_it_anew_and_leaves_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Made(monkeypatch)
    made.by(tmp_path)
    monkeypatch.setattr(worlds, "TREES", FEW_TREES + 1)
    assert made.by(tmp_path) == ["derived"]
    assert made.by(tmp_path) == []


def test_other_code_makes_the_log_anew_and_all_that_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(monkeypatch)
    made.by(tmp_path)
    changed = tmp_path / "world_log.py"
    changed.write_text("another", encoding="utf-8")
    monkeypatch.setattr(world_log, "__file__", str(changed))
    assert made.by(tmp_path) == ["log", "derived"]


def test_a_log_that_ended_long_ago_is_made_anew_only_for_who_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Made(monkeypatch)
    made.end -= 2 * DAY
    made.by(tmp_path)
    assert made.by(tmp_path) == []
    assert made.by(tmp_path, live=True) == ["log", "derived"]


def test_code_that_changes_while_a_world_is_made_is_not_what_made_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Made(monkeypatch)
    monkeypatch.setattr(worlds, "_derive", lambda world: monkeypatch.setattr(worlds, "TREES", FEW_TREES + 1))
    made.by(tmp_path)
    monkeypatch.setattr(worlds, "_derive", made.derived)
    assert made.by(tmp_path) == ["derived"]


def test_a_making_that_fails_leaves_nothing_that_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(monkeypatch)

    def fails(world: World) -> None:
        raise OSError("no space")

    monkeypatch.setattr(worlds, "_derive", fails)
    with pytest.raises(OSError, match="no space"):
        made.by(tmp_path)
    monkeypatch.setattr(worlds, "_derive", made.derived)
    assert made.by(tmp_path) == ["derived"]


def test_a_damaged_fingerprint_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(monkeypatch)
    made.by(tmp_path)
    (tmp_path / SPEC.folder_name / "derived.json").write_text("{", encoding="utf-8")
    assert made.by(tmp_path) == ["derived"]


def test_a_copy_is_written_to_and_gone_while_the_world_stays(world: World) -> None:
    before = {file: file.read_bytes() for file in world.folder.rglob("*") if file.is_file()}
    with worlds.copied(world) as copy:
        assert copy.data_dir != world.data_dir and copy.users() == world.users()
        (copy.data_dir / "feedrank.sqlite3").unlink()
        copy.registry().set_alias("other", copy.ranker(2), "test")
    assert not copy.folder.exists()
    assert {file: file.read_bytes() for file in world.folder.rglob("*") if file.is_file()} == before
    with pytest.raises(NotFound):
        world.registry().load("other")


def test_a_fingerprint_must_agree_in_all_that_is_wanted() -> None:
    wanted = {"code": "a", "spec": {"items": 1}}
    assert is_fresh({**wanted, "end": 5}, wanted)
    assert not is_fresh(None, wanted)
    assert not is_fresh({"code": "a"}, wanted)
    assert not is_fresh({**wanted, "spec": {"items": 2}}, wanted)


def test_each_spec_has_a_folder_of_its_own() -> None:
    specs = [SPEC, WorldSpec(items=501), WorldSpec(users=41), WorldSpec(mean_actions=7.0), WorldSpec(seed=2)]
    assert len({spec.folder_name for spec in specs}) == len(specs)
