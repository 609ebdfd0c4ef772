"""Fixtures that every test may use: where the public data sets are, real servers, models of noise to serve."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir_of() -> Callable[[str], Path]:
    """`data_dir_of(name)`: the folder of one public data set under FEEDRANK_TEST_DATA.

    Skips the test where the variable is unset or that data set is absent; fails it where the variable names no folder,
    since whoever sets it means these tests to run.
    """

    def data_dir_of(name: str) -> Path:
        root = os.environ.get("FEEDRANK_TEST_DATA")
        if not root:
            pytest.skip(f"needs the data set {name!r}: set FEEDRANK_TEST_DATA to the folder that holds it")
        if not Path(root).is_dir():
            pytest.fail(
                f"FEEDRANK_TEST_DATA={root!r} is not a folder: correct it, or unset it to skip tests on real data"
            )
        folder = Path(root) / name
        if not folder.is_dir():
            pytest.skip(f"needs the data set {name!r}: FEEDRANK_TEST_DATA={root!r} holds no such folder")
        return folder

    return data_dir_of


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """`serve(data_dir, *options, models_dir=..., env=...)`: a real `feedrank serve` on a free port; gives its target.

    Every process is stopped by SIGTERM at the end of the test, and must then end by itself with exit code 0.
    """
    running: list[subprocess.Popen[str]] = []

    def serve(data_dir: Path, *options: str, models_dir: Path | None = None, env: dict[str, str] | None = None) -> str:
        models = models_dir or tmp_path / "models"
        command = [sys.executable, "-m", "feedrank", "serve", "--data-dir", str(data_dir), "--port", "0"]
        with (tmp_path / "serve.log").open("a") as log:
            process = subprocess.Popen(
                [*command, "--models-dir", str(models), "--log-level", "warning", *options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **(env or {})},
            )
        running.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("feedrank is serving on "):
            pytest.fail(f"serve printed {line!r}; its log says: {(tmp_path / 'serve.log').read_text()}")
        return line.removeprefix("feedrank is serving on ").strip()

    yield serve
    for process in running:
        process.send_signal(signal.SIGTERM)
    for process in running:
        code = process.wait(timeout=60)
        assert code == 0, f"serve ended with {code}; its log says: {(tmp_path / 'serve.log').read_text()}"
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def register_model() -> Callable[[Path, str, Sequence[str], str], str]:
    """`register_model(folder, name, features, space)`: registers a small ranker fitted to noise, gives NAME@VERSION.

    Models made of noise: for tests that are not about what a model makes of its rows.
    """
    import lightgbm
    import numpy as np

    from feedrank.features import fingerprint_of
    from feedrank.registry import Registry
    from feedrank.registry.golden import synthetic_rows

    def register_model(folder: Path, name: str, features: Sequence[str], space: str) -> str:
        rng = np.random.default_rng(len(features))
        rows = rng.standard_normal((400, len(features)))
        labels = (rng.random(400) < 0.3).astype(int)
        data = lightgbm.Dataset(rows, labels, group=[20] * 20)
        params = {"objective": "lambdarank", "num_leaves": 7, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}
        booster = lightgbm.train(params, data, num_boost_round=10)
        golden = synthetic_rows(len(features))
        scores = np.asarray(booster.predict(golden, raw_score=True))
        return Registry(folder, fingerprint_of).publish(
            name, booster.model_to_string(), features, space, golden, scores
        )

    return register_model
