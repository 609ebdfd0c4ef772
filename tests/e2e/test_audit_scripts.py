"""The audit and the model report as commands over a real data directory, and what they refuse."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from tests.e2e.test_train_on_slates import FEEDS, serve_and_click
from tests.news_stream import news_stream

ROOT = Path(__file__).parents[2]
FEATURES = ("ctr_24h", "age_hours", "category_affinity", "history_size")
CUT = "2023-05-20T12:00:00"  # 60 of the stream's 96 hours


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FEEDRANK_")}
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), *map(str, arguments)],
        env=kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    news_stream(impressions=400).write(folder)
    return folder


@pytest.fixture
def models_dir(tmp_path: Path, register_model: Callable[[Path, str, Sequence[str], str], str]) -> Path:
    """A ranker fitted to noise: what it is like does not matter here."""
    register_model(tmp_path / "models", "noise", FEATURES, "")
    return tmp_path / "models"


def test_an_audit_reports_and_its_exit_code_says_whether_guardrails_held(
    data_dir: Path, models_dir: Path, tmp_path: Path
) -> None:
    common = ("--data-dir", data_dir, "--models-dir", models_dir, "--model", "noise", "--from", CUT)
    report, found = tmp_path / "audit.html", tmp_path / "audit.json"
    done = run("audit.py", *common, "--report", report, "--json", found)
    assert done.returncode == 0, done.stderr
    values = json.loads(found.read_text())
    assert values["passed"] is True
    assert {"guardrails", "beyond", "radio", "item_groups", "user_groups", "settings"} <= set(values)
    assert values["beyond"]["model"]["coverage"] > 0.9
    assert {r["name"]: r["absent"] for r in values["radio"]}["fragmentation"].startswith("no item has a text vector")
    assert "All " in report.read_text() and "guardrails held" in report.read_text()

    limits = tmp_path / "limits.toml"
    limits.write_text("coverage = 1.0\ngini = 0.0\n")
    done = run("audit.py", *common, "--settings", limits, "--report", report, "--json", found)
    assert done.returncode == 3, done.stderr
    values = json.loads(found.read_text())
    assert values["passed"] is False
    assert {rail["name"] for rail in values["guardrails"] if not rail["passed"]} == {"gini of exposure"} | (
        {"coverage"} if values["beyond"]["model"]["coverage"] < 1 else set()
    )
    assert "guardrails failed" in report.read_text()


def test_a_report_holds_every_part_and_needs_no_network(data_dir: Path, models_dir: Path, tmp_path: Path) -> None:
    common = ("--data-dir", data_dir, "--models-dir", models_dir, "--model", "noise", "--from", CUT)
    report, found = tmp_path / "report.html", tmp_path / "report.json"
    done = run("report.py", *common, "--report", report, "--json", found)
    assert done.returncode == 0, done.stderr
    page = report.read_text()
    for part in (
        "Result",
        "Protocol",
        "Slices",
        "What the model looks at",
        "Curves",
        "Click probability",
        "Guardrails",
    ):
        assert f"<h2>{part}</h2>" in page
    assert "category of the clicked item" in page and "category_affinity" in page
    assert "src=" not in page.split("<script>")[0]
    values = json.loads(found.read_text())
    assert 0 < values["auc"] < 1 and values["audit"]["passed"] in (True, False)


def test_bad_input_is_said_before_any_work(data_dir: Path, models_dir: Path, tmp_path: Path) -> None:
    common = ("--data-dir", data_dir, "--models-dir", models_dir, "--from", CUT, "--model", "noise")
    absent = run("report.py", *common, "--report", tmp_path / "no" / "report.html")
    assert absent.returncode == 2 and "there is no folder" in absent.stderr
    wrong = tmp_path / "limits.toml"
    wrong.write_text("coverages = 1.0\n")
    refused = run("audit.py", *common, "--report", tmp_path / "report.html", "--settings", wrong)
    assert refused.returncode == 2 and "coverages" in refused.stderr
    assert not (tmp_path / "report.html").exists()
    assert "Traceback" not in absent.stderr + refused.stderr


def test_slates_of_a_real_server_are_audited_as_served(serve: Callable[..., str], tmp_path: Path) -> None:
    serve_and_click(serve(tmp_path / "data", "--no-indexer"))
    store = SqliteStore.open(tmp_path / "data", Settings())
    deadline = time.monotonic() + 10  # slates are written behind the reply
    while len(list(store.slates(0, 2**62))) < FEEDS and time.monotonic() < deadline:
        time.sleep(0.1)
    store.close()
    found = tmp_path / "audit.json"
    done = run(
        "audit.py",
        "--data-dir",
        tmp_path / "data",
        "--model",
        "prior",
        "--from",
        "2020-01-01T00:00:00",
        "--json",
        found,
    )
    assert done.returncode in (0, 3), done.stderr
    values = json.loads(found.read_text())
    assert values["origin"] == "slates as they were served"
    assert values["lists"] > FEEDS / 2 and set(values["beyond"]) == {"model"}
    assert {e["value"] for e in values["item_groups"] if e["grouping"] == "category"} == {"c0", "c1", "c2"}
