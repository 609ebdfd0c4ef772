"""On a week of real impressions: import, train and evaluate reach their figure, and the prior beats popularity.

Judged on the days after training, with counters five minutes late. Needs FEEDRANK_TEST_DATA.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 560  # of one command, three minutes on two free cores: below the suite's patience
CUT, DELAY_S = "2023-05-25T07:00:00", 300
FLOOR = 0.77  # the ranker of docs/ranking.md has .780; this one, half of it at half its time, .777


def run(script: str, json_file: Path, *arguments: object) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), *map(str, arguments), "--json", str(json_file)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(json_file.read_text())
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def data_dir(data_dir_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, target = data_dir_of("ebnerd_demo"), tmp_path_factory.mktemp("ebnerd")
    files: list[object] = []
    for part in ("train", "validation"):
        files += ["--behaviors", source / part / "behaviors.parquet", "--history", source / part / "history.parquet"]
    run("import_ebnerd.py", target / "import.json", *files, "--data-dir", target)
    return target


@pytest.fixture(scope="module")
def models_dir(data_dir: Path) -> Path:
    models, params = data_dir / "models", data_dir / "params.json"
    params.write_text(json.dumps({"averaged": False, "learning_rate": 0.1, "max_rounds": 200, "patience": 30}))
    run(
        "train.py", data_dir / "train.json", "--data-dir", data_dir, "--models-dir", models, "--name", "news",
        "--until", CUT, "--counter-delay", DELAY_S, "--params", params,
    )  # fmt: skip
    return models


def evaluated(data_dir: Path, models_dir: Path, model: str) -> dict[str, Any]:
    return run(
        "evaluate.py", data_dir / f"{model}.json", "--data-dir", data_dir, "--models-dir", models_dir, "--model", model,
        "--from", CUT, "--counter-delay", DELAY_S,
    )  # fmt: skip


def test_the_prior_beats_the_best_popularity_before_anything_is_trained(data_dir: Path, tmp_path: Path) -> None:
    found = evaluated(data_dir, tmp_path, "prior")
    assert found["impressions"] > 12_000
    assert found["baselines"]["random"]["auc"] == pytest.approx(0.5)
    assert 0.70 < found["baselines"]["clicks_6h"]["auc"] < 0.73
    assert found["auc"] > found["baselines"]["popularity"]["auc"] + 0.01


def test_training_learns_from_the_train_week(models_dir: Path, data_dir: Path) -> None:
    trained = json.loads((data_dir / "train.json").read_text())
    assert trained["data"]["impressions"] > 24_000
    assert trained["champion"] is True


def test_the_trained_model_reaches_its_figure(data_dir: Path, models_dir: Path) -> None:
    found = evaluated(data_dir, models_dir, "news")
    assert found["auc"] > FLOOR
    low, high = found["auc_95"]
    assert low < found["auc"] < high
    assert high - low < 0.02
    for baseline in found["baselines"].values():
        for metric in ("auc", "mrr", "ndcg@5", "ndcg@10"):
            assert found[metric] > baseline[metric]
