"""`scripts/ab_report.py` as a process: a report, a plan, and what it says of wrong input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.experiment_shop import NAME, START, opened_shop

ROOT = Path(__file__).parents[2]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "ab_report.py"), *map(str, arguments)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=env)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment whose treatment is clearly better, with a week before it."""
    folder = tmp_path_factory.mktemp("experiment") / "data"
    shop = opened_shop(folder)
    shop.define()
    shop.live(700, 4, (0.08, 0.14), before_days=3)
    shop.written().close()
    return folder


def test_a_report_names_the_winner(data: Path, tmp_path: Path) -> None:
    page, file = tmp_path / "out.html", tmp_path / "out.json"
    done = run("--data-dir", data, "--experiment", NAME, "--report", page, "--json", file)
    assert done.returncode == 0, done.stderr
    values = json.loads(file.read_text())
    assert values["verdicts"]["new"]["sentence"] in done.stdout
    assert "is better" in done.stdout
    assert "<title>Experiment ranker-7</title>" in page.read_text()


def test_a_plan_gives_run_times(data: Path, tmp_path: Path) -> None:
    page = tmp_path / "plan.html"
    done = run("--data-dir", data, "--plan", "0.2", "--report", page, "--json", "-")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["metrics"]["ctr"]["users"] > 0
    assert page.exists()


def test_an_experiment_without_data_is_said_plainly(tmp_path: Path) -> None:
    shop = opened_shop(tmp_path / "data")
    shop.define()
    shop.live(4, 1, (0.1, 0.1), before_days=1)
    shop.slates = [s for s in shop.slates if s.time < START]
    shop.written().close()
    done = run("--data-dir", tmp_path / "data", "--experiment", NAME)
    assert done.returncode == 2
    assert "error: experiment 'ranker-7' has no data: no slate in the log was served under it" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_metrics_are_refused_before_any_work(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "metrics.toml"
    file.write_text(
        '[[metric]]\nname = "saves"\ntitle = "Saves"\nnumerator = "clicks"\nrole = "guardrail"\nmargin = 0.1\n'
        "absolute_margin = -1\n"
    )
    done = run("--data-dir", data, "--experiment", NAME, "--metrics", file)
    assert done.returncode == 2
    assert "metric 'saves', absolute_margin: Input should be greater than 0" in done.stderr


def test_wrong_input_is_said_plainly(data: Path) -> None:
    done = run("--data-dir", data, "--experiment", "other")
    assert done.returncode == 2
    assert "error: experiment 'other' is neither defined in the log nor named by any slate" in done.stderr
    assert "Traceback" not in done.stderr
