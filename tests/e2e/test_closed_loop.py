"""The closed loop's command on a world of a few readers: worlds run in processes of their own, and are kept."""

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SIZE = ("--seeds", "1", "--first-seed", "6", "--users", "30", "--items", "400", "--days", "2", "--encoder", "none")


class Addresses(HTMLParser):
    """Whatever a page would fetch or lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]


def closed_loop(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "closed_loop.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loop")
    options = ("--cache", str(folder / "cache"), "--report", str(folder / "loop.html"), "--json", "-")
    done = closed_loop(*SIZE, *options)
    assert done.returncode == 0, done.stderr
    (folder / "out.json").write_text(done.stdout)
    return folder


def figures(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "out.json").read_text())
    return loaded


def test_every_arm_has_a_figure_a_day_and_the_oracle_is_above(folder: Path) -> None:
    rates = {name: by_seed["6"] for name, by_seed in figures(folder)["clicks_per_session"].items()}
    assert {len(days) for days in rates.values()} == {2}
    assert sum(rates["oracle"]) > sum(rates["service"]) > sum(rates["random"])
    (night,) = figures(folder)["nights"]["6"]
    assert night["impressions"] > 0 and night["trees"] > 0
    assert figures(folder)["service_over_oracle"][1]["low"] is None, "one seed has no interval over seeds"


def test_the_report_stands_alone(folder: Path) -> None:
    text = (folder / "loop.html").read_text()
    assert "The closed loop" in text and "of the service over those of oracle" in text
    found = Addresses()
    found.feed(text)
    assert found.addresses and all(address.startswith(("#", "data:")) for address in found.addresses)


def test_a_finished_world_is_not_lived_through_again(folder: Path) -> None:
    (kept,) = (folder / "cache").glob("run-6-*.json")
    body = json.loads(kept.read_text())
    body["arms"]["random"]["clicks"] = [0.0] * len(body["arms"]["random"]["clicks"])
    kept.write_text(json.dumps(body))
    done = closed_loop(*SIZE, "--cache", str(folder / "cache"), "--json", "-")
    assert json.loads(done.stdout)["clicks_per_session"]["random"]["6"] == [0.0, 0.0]


def test_a_report_that_could_not_be_written_ends_before_any_work(tmp_path: Path) -> None:
    done = closed_loop("--cache", str(tmp_path), "--report", str(tmp_path / "absent" / "loop.html"))
    assert done.returncode == 2 and "there is no folder" in done.stderr
