"""An A/B test over real processes in which the truth is known: a served feedrank, readers who click, and the report.

The machine's clock rules what is fresh, so that each run meets another world: what is asserted here fails by chance in
fewer than one run in a thousand.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from feedrank.client import Context
from feedrank.experiments.assignment import Subject, assign
from feedrank.experiments.document import parse_experiments

ROOT = Path(__file__).parents[2]
USERS = 520  # more than 100 an arm
BY_CHANCE = 0.001


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The figures of one drive: popularity against its reverse, against its twin, and in a duel."""
    file = tmp_path_factory.mktemp("live") / "out.json"
    options = ["--users", str(USERS), "--items", "600", "--feeds", "2", "--no-train", "--json", str(file)]
    command = [sys.executable, str(ROOT / "scripts" / "benchmarks" / "live_ab.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert file.exists(), done.stderr
    figures: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    assert done.returncode == (0 if all(figures["right"].values()) else 1)
    return figures


def ctr(report: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(r for r in report["readings"] if r["metric"] == "ctr")
    return found


def test_a_planted_winner_is_found_and_shipped(drive: dict[str, Any]) -> None:
    report = drive["planted"]
    assert report["final"] and not report["broken"]
    assert report["verdicts"]["better"]["decision"] == "ship", report["verdicts"]
    assert "is better" in report["verdicts"]["better"]["sentence"]
    assert ctr(report)["relative"] > 0.3
    assert report["unlogged"] == []
    (latency,) = (r for r in report["readings"] if r["metric"] == "latency_ms")
    assert 0 < latency["control_value"] < 1_000 and 0 < latency["treatment_value"] < 1_000


def test_two_equal_models_are_found_equal(drive: dict[str, Any]) -> None:
    report = drive["equal"]
    assert report["final"] and not report["broken"]
    assert ctr(report)["p_fixed"] > BY_CHANCE, report["verdicts"]


def test_readers_of_both_prefer_the_better_one(drive: dict[str, Any]) -> None:
    """Of some fifty readers: the sign test nearly always shows it, and never the opposite."""
    report = drive["duel"]
    liked = report["preference"]
    assert liked["prefer_challenger"] > liked["prefer_control"] and liked["favoured"] != -1, liked
    assert report["final"] and not report["verdicts"]


def test_everybody_counts_where_anybody_can_compute_they_were_assigned(drive: dict[str, Any]) -> None:
    experiments = parse_experiments(drive["experiments"])
    now = time.time_ns() // 1_000
    assigned: Counter[tuple[str, str]] = Counter()
    for number in range(USERS):
        subject = Subject(f"u{number:06}", "", "", Context(), lambda: False)
        assigned.update((e.experiment, e.assigned) for e in assign(experiments, subject, now, {}))
    counted = {
        (name, variant): count
        for name in ("planted", "equal", "duel")
        for variant, count in drive[name]["counts"].items()
    }
    assert counted == dict(assigned)
    for name in ("planted", "equal", "duel"):
        assert set(drive[name]["fell_back"].values()) <= {0.0}
