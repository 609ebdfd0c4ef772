"""What a gate found stands in the alias's history, and histories from before there was one still read."""

import json
from pathlib import Path

import pytest

from feedrank.errors import RegistryError
from feedrank.registry import Compared, GateRecord
from feedrank.registry.aliases import Aliases
from feedrank.registry.files import check_room

GATE = GateRecord(
    challenger="news@2",
    champion="news@1",
    outcome="better",
    start=1,
    until=2,
    impressions=3,
    users=2,
    measures=(Compared(metric="auc", challenger=0.7, champion=0.6, difference=0.1, low=0.05, high=0.15),),
)


def test_a_file_of_before_reads_and_grows(tmp_path: Path) -> None:
    change = {"alias": "champion", "reference": "news@1", "previous": "", "reason": "first", "at": 5}
    (tmp_path / "aliases.json").write_text(json.dumps({"current": {"champion": "news@1"}, "history": [change]}))
    aliases = Aliases(tmp_path)
    assert aliases.read().history[0].gate is None
    aliases.set("champion", "news@2", "better", GATE)
    first, second = Aliases(tmp_path).read().history
    assert (first.reason, first.gate, second.reason, second.gate) == ("first", None, "better", GATE)
    assert aliases.before("champion", "news") == "news@1"


def test_a_half_written_alias_file_of_a_killed_writer_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".aliases.json.new").write_text('{"curr')
    aliases = Aliases(tmp_path)
    aliases.set("champion", "news@1", "first")
    assert aliases.read().current == {"champion": "news@1"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["aliases.json", "aliases.lock"]


def test_a_disk_without_room_is_found_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 5 * 2**20})())
    with pytest.raises(RegistryError, match="only 5 MB are free on its disk; a model needs 32: make room"):
        check_room(tmp_path / "not" / "there" / "yet")
    monkeypatch.undo()
    check_room(tmp_path / "not" / "there" / "yet")
    assert list(tmp_path.iterdir()) == []
