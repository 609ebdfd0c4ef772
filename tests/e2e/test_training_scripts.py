"""The life of a model by its commands, as processes: train, evaluate, promote, roll back, export, register."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightgbm
import polars as pl
import pytest

from feedrank.features import NAMES, fingerprint_of
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.types import Action, Event, UserId
from tests.news_stream import T0, news_stream

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 200
CUT = "2023-05-20T12:00:00"  # 60 of the stream's 96 hours


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FEEDRANK_")}
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), *map(str, arguments)],
        env=kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def succeeded(script: str, *arguments: object) -> dict[str, Any]:
    """What the command writes for machines."""
    done = run(script, *arguments, "--json", "-")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    flat = " ".join(done.stderr.replace("│", " ").split())
    for word in words:
        assert word in flat


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    news_stream().write(folder)
    return folder


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def first(data_dir: Path, models_dir: Path) -> dict[str, Any]:
    """The first training: --until the cut, counters a minute late."""
    return succeeded(
        "train.py", "--data-dir", data_dir, "--models-dir", models_dir, "--name", "news", "--until", CUT,
        "--counter-delay", 60,
    )  # fmt: skip


def test_training_registers_a_version_and_the_first_becomes_champion(first: dict[str, Any], models_dir: Path) -> None:
    registry = Registry(models_dir, fingerprint_of)
    loaded = registry.load("champion")
    assert loaded.reference == first["model"] == registry.resolve("news")
    assert first["champion"] is True
    manifest = loaded.manifest
    assert list(manifest.feature_names) == first["features"]
    assert manifest.counter_delay_s == 60
    assert manifest.data.impressions == 750
    assert manifest.data.until <= T0 + 60 * 3_600_000_000
    assert 0.5 < manifest.metrics["selection_auc"] < 1
    assert manifest.params["rounds"] == first["params"]["rounds"]
    assert manifest.libraries["lightgbm"] == lightgbm.__version__


def test_it_beats_the_prior_and_the_baselines_on_what_it_was_not_trained_on(
    first: dict[str, Any], data_dir: Path, models_dir: Path, tmp_path: Path
) -> None:
    common = ("--data-dir", data_dir, "--models-dir", models_dir, "--from", CUT, "--counter-delay", 60)
    done = run("evaluate.py", *common, "--model", "news", "--json", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out.json").read_text())
    for word in ("AUC", "nDCG@10", "popularity", "recency", "random", first["model"]):
        assert word in done.stdout
    assert "warning" not in done.stderr
    assert found["model"] == first["model"]
    assert found["impressions"] == 450
    prior = succeeded("evaluate.py", *common, "--model", "prior")
    assert prior["model"] == "prior"
    assert found["baselines"].keys() - prior["baselines"].keys() == {"logistic"}
    for name, baseline in prior["baselines"].items():
        assert {key: found["baselines"][name][key] for key in ("auc", "mrr", "ndcg@5", "ndcg@10")} == {
            key: baseline[key] for key in ("auc", "mrr", "ndcg@5", "ndcg@10")
        }
    assert {"als", "item_to_item", "numbering"} <= found["baselines"].keys()
    assert found["padded"]["auc"] > found["padded"]["baselines"]["popularity"]["auc"]
    assert found["calibration"] is None  # the last of so few impressions hold too few clicks for a curve
    assert {"all", "activity", "hour"} <= {part["slice"] for part in found["slices"]}
    for name in ("random", "popularity", "recency"):
        assert found["auc"] > found["baselines"][name]["auc"] + 0.05
        assert prior["auc"] > found["baselines"][name]["auc"]
    assert found["auc"] > prior["auc"]


def test_a_frozen_past_and_other_conditions_than_training_are_told(
    first: dict[str, Any], data_dir: Path, models_dir: Path
) -> None:
    done = run(
        "evaluate.py", "--data-dir", data_dir, "--models-dir", models_dir, "--model", "news", "--from", "2023-05-20",
        "--until", "2023-05-21", "--counter-delay", 0, "--frozen", "--json", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "trained with counters 60 s late and is judged with 0 s" in done.stderr
    assert "its figures are too good" in " ".join(done.stderr.split())
    found = json.loads(done.stdout)
    assert found["impressions"] == 300
    assert found["baselines"]["clicks_1h"]["auc"] < 0.6, "what was clicked a day ago says little"
    assert found["padded"] is None


def test_the_curve_falls_with_older_views_of_the_past(first: dict[str, Any], data_dir: Path, models_dir: Path) -> None:
    found = succeeded(
        "evaluate.py", "--data-dir", data_dir, "--models-dir", models_dir, "--model", "news", "--from", CUT, "--curve",
    )  # fmt: skip
    by_view = {point["view"]: point for point in found["curve"]}
    assert list(by_view) == ["S(0 s)", "S(300 s)", "S(3600 s)", "S(21600 s)", "S(nightly)", "F"]
    assert by_view["S(0 s)"]["auc"] > by_view["F"]["auc"]
    assert {point["impressions"] for point in found["curve"]} == {found["impressions"]}


def test_parameters_are_searched_and_parts_weighed(first: dict[str, Any], data_dir: Path, tmp_path: Path) -> None:
    on = ("--data-dir", data_dir, "--until", CUT, "--counter-delay", 60)
    tuned = succeeded("tune.py", *on, "--out", tmp_path / "p.json", "--study", tmp_path / "s.db", "--minutes", 0)
    assert tuned["trials"] == 1
    registry = ("--models-dir", tmp_path / "models")
    trained = succeeded("train.py", *on, *registry, "--name", "tuned", "--params", tmp_path / "p.json")
    assert trained["params"]["num_leaves"] == tuned["params"]["num_leaves"]
    weighed = succeeded("ablate.py", *on)
    assert {"shown", "padded"} <= weighed["base"].keys()
    assert "without popularity" in {effect["variant"] for effect in weighed["effects"]}


def test_later_versions_are_promoted_and_rolled_back_by_hand(
    first: dict[str, Any], data_dir: Path, models_dir: Path
) -> None:
    registry = Registry(models_dir, fingerprint_of)
    common = ("--models-dir", models_dir)
    second = succeeded("train.py", *common, "--data-dir", data_dir, "--name", "news", "--until", "2023-05-20")
    assert second["champion"] is False
    assert registry.resolve_alias("champion") == first["model"]

    refused(
        run("promote.py", second["model"], *common),
        "counters 0 s late, the champion with 60 s", "give --data-dir", "--force --reason",
    )  # fmt: skip
    refused(run("promote.py", second["model"], *common, "--force"), "--force needs a --reason")
    promoted = succeeded("promote.py", second["model"], *common, "--force", "--reason", "counters are live now")
    assert (promoted["model"], promoted["previous"]) == (second["model"], first["model"])
    assert registry.resolve_alias("champion") == second["model"]
    change = registry.history("champion")[-1]
    assert change.reason == "counters are live now"
    assert change.gate is not None and change.gate.forced and len(change.gate.against) == 2

    back = succeeded("rollback.py", "news", *common, "--data-dir", data_dir)
    assert (back["model"], back["workers_behind"]) == (first["model"], [])
    assert registry.resolve_alias("champion") == first["model"]
    refused(run("rollback.py", "news", *common), "no earlier version of model 'news'")


def test_an_exported_data_set_trains_elsewhere_and_comes_back(data_dir: Path, models_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.parquet"
    summary = succeeded("export_dataset.py", "--data-dir", data_dir, "--out", out, "--until", CUT)
    table = pl.read_parquet(out)
    assert summary["rows"] == table.height == 6000
    assert table.columns == ["group", "request_id", "time", "user", "item_id", "label", "seen", *NAMES]
    assert table["label"].sum() == table["group"].n_unique() == 750
    assert table["user"].n_unique() == 40
    assert table.filter(pl.col("group") == 3)["time"].n_unique() == 1
    assert set(table["item_id"].to_list()) <= {f"i{k}" for k in range(200)}

    names = ["log_clicks_6h", "age_hours", "category_affinity", "reads_by_user"]
    rows = table.select(names).to_numpy()
    sizes = table.group_by("group", maintain_order=True).len()["len"].to_numpy()
    data = lightgbm.Dataset(rows, table["label"].to_numpy(), group=sizes)
    params = {"objective": "lambdarank", "verbose": -1, "num_threads": 1, "num_leaves": 7}
    booster = lightgbm.train(params, data, 30)
    booster.save_model(tmp_path / "model.txt")
    (tmp_path / "features.txt").write_text("\n".join(names))
    registered = succeeded(
        "register.py", tmp_path / "model.txt", "--models-dir", models_dir, "--name", "notebook",
        "--features", tmp_path / "features.txt", "--notes", "from a notebook",
    )  # fmt: skip
    loaded = Registry(models_dir, fingerprint_of).load("notebook")
    assert loaded.reference == registered["model"]
    assert loaded.manifest.notes == "from a notebook"
    judged = succeeded(
        "evaluate.py", "--data-dir", data_dir, "--models-dir", models_dir, "--model", "notebook", "--from", CUT
    )
    assert judged["auc"] > judged["baselines"]["popularity"]["auc"]

    (tmp_path / "broken.txt").write_text((tmp_path / "model.txt").read_text()[:900])
    broken = run(
        "register.py", tmp_path / "broken.txt", "--models-dir", models_dir, "--name", "broken",
        "--features", tmp_path / "features.txt",
    )  # fmt: skip
    assert broken.returncode == 1
    assert "does not load" in broken.stderr and "Traceback" not in broken.stderr


def test_training_looks_at_nothing_after_its_end(data_dir: Path, models_dir: Path, tmp_path: Path) -> None:
    """The same log, with other days after the cut, gives the same trees."""
    other = news_stream()
    until = T0 + 60 * 3_600_000_000
    other.events[:] = [event for event in other.events if event.time < until]
    extra = [
        Event(f"x{k}", UserId(f"u{k % 40}"), until + k * 1_000_000, Action.CLICK, f"i{k % 7}", request_id=f"r{k}")
        for k in range(600)
    ]
    other.events.extend(extra)
    other.write(tmp_path / "data")
    texts = []
    for folder, name in ((data_dir, "one"), (tmp_path / "data", "two")):
        succeeded("train.py", "--data-dir", folder, "--models-dir", models_dir, "--name", name, "--until", CUT)
        texts.append(Registry(models_dir, fingerprint_of).load(name).model_text)
    assert texts[0] == texts[1]


def clicks_only(folder: Path, users: int) -> None:
    """Ten impressions, of which only the first of each user has a click."""
    store = SqliteStore.open(folder, Settings())
    events = []
    for k in range(10):
        user, request, time = UserId(f"u{k % users}"), f"r{k}", T0 + k * 1_000_000
        events.append(Event(f"v{k}", user, time, Action.VIEW, request_id=request, item_ids=("a", "b", "c")))
        if k < users:
            events.append(Event(f"c{k}", user, time, Action.CLICK, "abc"[k % 3], request_id=request))
    assert not store.append_events(events, None).rejected
    store.close()


def test_what_cannot_be_done_is_said_without_a_traceback(data_dir: Path, models_dir: Path, tmp_path: Path) -> None:
    train = ("--models-dir", models_dir, "--name", "bad")
    refused(run("train.py", "--data-dir", tmp_path / "typo", *train), "there is no feedrank data")
    assert not (tmp_path / "typo").exists()
    refused(run("train.py", "--data-dir", data_dir, *train, "--until", "2020-01-01"), "no events of that time")
    refused(run("train.py", "--data-dir", data_dir, *train, "--until", "tomorrow"), "'tomorrow' is not a time")
    refused(run("train.py", "--data-dir", data_dir, *train, "--space", "none"), "no vector of space 'none'")
    refused(run("train.py", "--data-dir", data_dir, "--models-dir", models_dir, "--name", "../x"), "is no name")
    clicks_only(tmp_path / "one", users=1)
    refused(run("train.py", "--data-dir", tmp_path / "one", *train), "are of one user")
    clicks_only(tmp_path / "none", users=10)
    refused(run("train.py", "--data-dir", tmp_path / "none", *train, "--until", "2023-05-18T00:00:00"), "no events")
    evaluate = ("--models-dir", models_dir, "--from", CUT)
    refused(run("evaluate.py", "--data-dir", data_dir, *evaluate, "--model", "nobody"), "no model or alias is called")
    refused(
        run("evaluate.py", "--data-dir", data_dir, *evaluate, "--model", "prior", "--until", "2023-05-01"), "is empty"
    )
    refused(
        run("evaluate.py", "--data-dir", data_dir, *evaluate, "--model", "prior", "--json", tmp_path / "no" / "x"),
        "there is no folder",
    )


def test_the_features_are_listed_for_who_writes_a_list() -> None:
    done = run("export_dataset.py", "--list-features")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(NAMES)
