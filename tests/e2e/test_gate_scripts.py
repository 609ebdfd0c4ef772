"""The gate by its commands, as processes: promote, roll back, history; retraining by the clock, killed, twice at once,
on a full disk.
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feedrank.client import Client, RankCall
from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.training.dataset import View, build
from feedrank.training.gate.retrain import alone
from feedrank.training.period import read_period
from feedrank.types import HOUR
from tests.news_stream import T0, news_stream
from tests.rankers import CUT, GOOD, POOR, publish

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 280  # of one command, on a machine that has other work
PROMOTED, FAILED, REFUSED, NOT_PROMOTED, ALREADY_RUNNING = 0, 1, 2, 3, 4


def command(script: str, *arguments: object) -> list[str]:
    return [sys.executable, str(ROOT / "scripts" / script), *map(str, arguments)]


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FEEDRANK_")}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}


def run(script: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(script, *arguments),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        **options,
    )


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    news_stream(users=160).write(folder)
    return folder


@pytest.fixture(scope="module")
def two_models(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models good and poor, trained on what came before CUT; poor is champion. To be copied."""
    folder = tmp_path_factory.mktemp("models")
    store = SqliteStore.open(data_dir, Settings())
    early = read_period(store, until=CUT, blind=True)
    store.close()
    rows = build(early.facts, early.examples, View(), (*GOOD, *POOR))
    for name, features in (("good", GOOD), ("poor", POOR)):
        publish(folder, name, rows, features)
    Registry(folder, fingerprint_of).set_alias("champion", "poor", "the first trained model")
    return folder


@pytest.fixture
def models_dir(two_models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(two_models, tmp_path / "models"))


def names_of(folder: Path) -> list[str]:
    """Everything in the folders of models."""
    return sorted(path.name for path in folder.glob("*/*"))


def test_promote_proves_refuses_forces_and_remembers(data_dir: Path, models_dir: Path, tmp_path: Path) -> None:
    registry = Registry(models_dir, fingerprint_of)
    good, poor = registry.resolve("good"), registry.resolve("poor")
    common = ("--models-dir", models_dir, "--data-dir", data_dir, "--json", tmp_path / "out.json")

    def written() -> dict[str, Any]:
        found = json.loads((tmp_path / "out.json").read_text())
        assert isinstance(found, dict)
        return found

    done = run("promote.py", "good", *common)
    assert done.returncode == PROMOTED, done.stderr
    assert "is better" in done.stdout and f"champion is {good}; it was {poor}" in done.stdout
    assert written()["promoted"] is True and written()["gate"]["measures"][0]["low"] > 0

    refused = run("promote.py", poor, *common)
    assert refused.returncode == REFUSED and "refused: it is worse" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert (written()["promoted"], written()["gate"]["against"]) == (False, ["is worse"])
    assert registry.resolve_alias("champion") == good

    back = run("rollback.py", "champion", "--models-dir", models_dir)
    assert back.returncode == 0 and registry.resolve_alias("champion") == poor
    forced = run("promote.py", good, "--models-dir", models_dir, "--force", "--reason", "we have seen enough")
    assert forced.returncode == PROMOTED, forced.stderr
    assert registry.resolve_alias("champion") == good

    history = run("models.py", "--history", "--models-dir", models_dir, "--json", tmp_path / "out.json")
    flat = " ".join(history.stdout.replace("│", " ").split())
    for words in ("we have seen enough", "the gate found it better", "rolled back by hand"):
        assert words in flat
    kept = [(change["reference"], (change["gate"] or {}).get("forced")) for change in written()["history"]]
    assert kept == [(poor, None), (good, False), (poor, None), (good, True)]


def retraining(data_dir: Path, models_dir: Path) -> tuple[object, ...]:
    """Arguments of a retraining on few features, which is quick, with the stream's last 36 hours held back."""
    features = models_dir / "features.txt"
    features.write_text("\n".join(GOOD))
    common = ("--data-dir", data_dir, "--models-dir", models_dir, "--name", "nightly")
    return (*common, "--holdout-hours", 36, "--features", features)


def test_retraining_promotes_what_is_better_says_so_in_one_line_and_running_servers_swap(
    data_dir: Path, models_dir: Path, serve: Callable[..., str], tmp_path: Path
) -> None:
    registry = Registry(models_dir, fingerprint_of)
    data_dir = Path(shutil.copytree(data_dir, tmp_path / "data"))
    with Client(serve(data_dir, "--no-indexer", models_dir=models_dir)) as client:
        assert client.rank(RankCall(user_id="u1")).model_version == registry.resolve("poor")
        first = run("retrain.py", *retraining(data_dir, models_dir))
        assert first.returncode == PROMOTED, first.stderr
        assert first.stdout.count("\n") == 1
        line = json.loads(first.stdout)
        assert (line["promoted"], line["gate"]["outcome"]) == (True, "better")
        deadline = time.monotonic() + TIMEOUT_S  # a busy machine may swap later than the command waits
        while client.rank(RankCall(user_id="u1")).model_version != line["model"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert registry.resolve_alias("champion") == line["model"] == registry.resolve("nightly")
    assert line["trained_on"]["until"] <= line["gate"]["start"], "judged on what it never saw"
    assert line["gate"]["until"] > T0 + 95 * HOUR

    again = run("retrain.py", *retraining(data_dir, models_dir))
    assert again.returncode == NOT_PROMOTED, again.stderr
    line = json.loads(again.stdout)
    assert (line["promoted"], line["gate"]["outcome"]) == (False, "not worse")
    assert "not proven better" in again.stderr
    assert registry.resolve_alias("champion") == line["gate"]["champion"] != line["model"]


def test_a_second_retraining_at_the_same_time_does_nothing(data_dir: Path, models_dir: Path) -> None:
    with alone(models_dir) as only:
        assert only
        before = names_of(models_dir)
        second = run("retrain.py", *retraining(data_dir, models_dir))
        assert second.returncode == ALREADY_RUNNING
        assert "another retraining" in second.stderr and second.stdout == ""
        assert names_of(models_dir) == before


def test_a_full_disk_leaves_no_version(data_dir: Path, models_dir: Path) -> None:
    """No file may grow past 4 KiB: less than this model. The store is held open, so that it makes no file itself."""
    before = names_of(models_dir)
    store = SqliteStore.open(data_dir, Settings())
    done = run(
        "retrain.py",
        *retraining(data_dir, models_dir),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, 4_096)),
    )
    store.close()
    assert done.returncode == FAILED, done.stderr
    assert "the version could not be written: File too large" in done.stderr and "Traceback" not in done.stderr
    assert names_of(models_dir) == before
    assert Registry(models_dir, fingerprint_of).resolve_alias("champion").startswith("poor@")


def test_killed_at_any_moment_it_leaves_no_half_version_and_the_next_run_clears_up(
    data_dir: Path, models_dir: Path
) -> None:
    """Killed while the version is being written: that moment is waited for. At any other there is nothing to leave."""
    before = names_of(models_dir)
    registry = Registry(models_dir, fingerprint_of)
    process = subprocess.Popen(
        command("retrain.py", *retraining(data_dir, models_dir)),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + TIMEOUT_S
    while not list(models_dir.glob("nightly/.new-*")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    (left,) = models_dir.glob("nightly/.new-*")
    assert [name for name in names_of(models_dir) if name != left.name] == before, "no version of that name"
    assert registry.load("champion").reference == registry.resolve("poor")
    done = run("retrain.py", *retraining(data_dir, models_dir))
    assert done.returncode == PROMOTED, done.stderr
    line = json.loads(done.stdout)
    assert line["swept"] == [f"nightly/{left.name}"]
    assert names_of(models_dir) == sorted([*before, line["model"].partition("@")[2]])


def test_compare_writes_a_page_and_figures(data_dir: Path, models_dir: Path, tmp_path: Path) -> None:
    common = ("--data-dir", data_dir, "--models-dir", models_dir, "--a", "good", "--b", "champion")
    page, figures = tmp_path / "out.html", tmp_path / "out.json"
    done = run("compare.py", *common, "--from", "2023-05-20T12:00:00", "--report", page, "--json", figures)
    assert done.returncode == 0, done.stderr
    assert "auc:" in done.stdout and str(page) in done.stdout.replace("\n", "")
    found = json.loads(figures.read_text())
    assert found["a"].startswith("good@") and found["b"].startswith("poor@")
    assert found["all"]["auc"]["difference"] > 0 and found["all"]["auc"]["p"] < 0.001
    assert "A ranks better: good@" in page.read_text()
