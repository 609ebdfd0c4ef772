"""Golden scores: rows and the scores a model gave them when it was made, found again in a child process before it is
trusted.

A damaged LightGBM file can kill the process that parses it, or load silently wrong, so the first parse happens
elsewhere: `python -m feedrank.registry FOLDER` prints what the model in FOLDER makes of its golden rows. Knows nothing
of versions.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import feedrank
from feedrank.errors import RegistryError
from feedrank.registry.lightgbm_alone import import_lightgbm_alone
from feedrank.types import F32, F64

MODEL_FILE, GOLDEN_FILE = "model.txt", "golden.npz"
ROWS = 64  # enough to pass through most trees' leaves
NICENESS = 10  # of the child: requests come first where cores are scarce
TOLERANCE = 1e-9  # the same wheel gives the same bits; another CPU may round the last one differently
CHILD_TIMEOUT_S = (
    120.0  # importing LightGBM and parsing a thousand trees take a second each; the rest is for a busy machine
)
_UNNAMED = "Column_"  # what LightGBM calls the columns of a nameless matrix


def golden_bytes(rows: F32, scores: F64) -> bytes:
    """The golden file: the first ROWS rows (n, features) and their raw scores (n,)."""
    buffer = io.BytesIO()
    np.savez(buffer, rows=rows[:ROWS], scores=scores[:ROWS])
    return buffer.getvalue()


def synthetic_rows(features: int, seed: int = 0) -> F32:
    """Rows for models registered without data: of many magnitudes, a tenth of the values missing, (ROWS, features)."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((ROWS, features)) * 10.0 ** rng.integers(-2, 3, (ROWS, features))
    rows[rng.random(rows.shape) < 0.1] = np.nan
    return rows.astype(np.float32)


def scores_in_child(folder: Path, rows: F32, features: Sequence[str]) -> F64:
    """What the model in `folder` makes of rows (n, features), (n,), found by a child process.

    `folder` also holds the rows in its golden file. RegistryError if the child dies, or the model reads other columns.
    """
    found = _ask_child(folder)
    names = found["features"]
    unnamed = all(name == f"{_UNNAMED}{j}" for j, name in enumerate(names))
    if len(names) != len(features) or not (unnamed or names == list(features)):
        raise RegistryError(f"{folder}: the model reads {_shortly(names)}, but is said to read {_shortly(features)}")
    scores = np.array(found["scores"], np.float64)
    if scores.shape != (len(rows),) or not np.isfinite(scores).all():
        raise RegistryError(f"{folder}: the model does not give each row one finite score")
    return scores


def verify_in_child(folder: Path, features: Sequence[str]) -> None:
    """RegistryError unless a child process loads the model in `folder` and finds its golden scores. Sums come first."""
    with np.load(folder / GOLDEN_FILE, allow_pickle=False) as golden:
        rows, expected = golden["rows"], golden["scores"]
    scores = scores_in_child(folder, rows, features)
    if scores.shape != expected.shape or not np.allclose(scores, expected, rtol=TOLERANCE, atol=TOLERANCE):
        raise RegistryError(
            f"{folder}: the model does not give its golden scores: made by another LightGBM, or damaged; retrain it"
        )


def _ask_child(folder: Path) -> dict[str, Any]:
    home = str(Path(feedrank.__file__).parents[1])  # the child must find this very feedrank, installed or not
    path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "feedrank.registry", str(folder)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=CHILD_TIMEOUT_S,
            check=False,
            env={**os.environ, "PYTHONPATH": path},
        )
    except subprocess.TimeoutExpired as error:
        raise RegistryError(
            f"{folder}: the model did not load within {CHILD_TIMEOUT_S:g} s in a child process; retrain it"
        ) from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RegistryError(f"{folder}: the model does not load (a child process ended with {done.returncode}: {last})")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])  # LightGBM's own warnings may come before it
    return answer


def answer_here(folder: Path) -> str:
    """The child's part: the model's columns and its scores of the golden rows, as one line of JSON."""
    os.nice(NICENESS)
    import_lightgbm_alone()
    import lightgbm

    booster = lightgbm.Booster(model_file=str(folder / MODEL_FILE))
    with np.load(folder / GOLDEN_FILE, allow_pickle=False) as golden:
        rows = golden["rows"]
    if booster.num_feature() != rows.shape[1]:  # the parent says which are meant
        return json.dumps({"features": booster.feature_name(), "scores": []})
    scores = np.asarray(booster.predict(rows, raw_score=True, num_threads=1), np.float64)
    return json.dumps({"features": booster.feature_name(), "scores": scores.tolist()})


def _shortly(names: Sequence[str]) -> str:
    some = ", ".join(names[:3])
    return f"{len(names)} columns ({some}{', ...' if len(names) > 3 else ''})"
