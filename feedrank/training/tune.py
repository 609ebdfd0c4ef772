"""Tuning: a resumable search for fit parameters, judged on the last stretch of the training period alone.

Each trial is fitted with several seeds and is worth their mean AUC, so that no seed is chosen. Optuna's TPE sampler
(Bergstra et al.: "Algorithms for hyper-parameter optimization", NeurIPS 2011) over a study kept in a file. Knows
nothing of any later period.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import OptunaError
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from feedrank.errors import InvalidInput
from feedrank.training.dataset import Dataset
from feedrank.training.facts import Progress, no_progress
from feedrank.training.fit import OBJECTIVES, FitParams, judgeable, select, split, with_both_labels
from feedrank.types import Micros

SEEDS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search has found so far."""

    params: FitParams
    auc: float  # mean over SEEDS, on the last stretch
    default_auc: float  # of the parameters the search began with, likewise
    trials: int


def tune(
    dataset: Dataset,
    features: Sequence[str],
    base: FitParams,
    study_file: Path,
    until: Micros,
    progress: Progress = no_progress,
    clock: Callable[[], Micros] = lambda: time.time_ns() // 1000,
) -> Tuned:
    """Tries parameters until the clock passes `until`; at least the base ones. A study in the file is gone on with.

    `progress` hears each trial done. InvalidInput if the data set has nothing to judge by, or the file is no study.
    """
    usable = dataset.take(with_both_labels(dataset))
    early, late = split(usable, base.selection_share) if len(usable) else (usable, usable)
    judged = judgeable(late)
    if not len(early) or not len(judged):
        raise InvalidInput("the period is too short: nothing is left to fit to, or to judge by")
    study = _study(study_file)
    if not study.trials:
        study.enqueue_trial({name: value for name, value in base.as_json().items() if name in _SEARCHED})

    def worth(trial: optuna.Trial) -> float:
        params = _suggested(trial, base)
        found = [
            select(early, judged, features, replace(params, seed=seed, near_best=0.0), no_progress)[1].auc
            for seed in SEEDS
        ]
        progress(1)
        return float(sum(found) / len(found))

    while not _done(study) or clock() < until:
        study.optimize(worth, n_trials=1)
    best = study.best_trial
    return Tuned(_params(best.params, base), study.best_value, float(_done(study)[0].value or 0.0), len(_done(study)))


def write_params(path: Path, params: FitParams) -> None:
    """Writes parameters as JSON, for `train.py --params`. InvalidInput if the file cannot be written."""
    try:
        path.write_text(json.dumps(params.as_json(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidInput(
            f"{path}: cannot be written ({error.strerror}); name a file in a folder that exists"
        ) from error


def read_params(path: Path) -> FitParams:
    """Parameters as `write_params` wrote them; absent ones are the default. InvalidInput names what is wrong."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        unknown = sorted(set(given) - {f.name for f in fields(FitParams)})
        if unknown:
            raise InvalidInput(f"{path}: no fit parameter is named {unknown[0]!r}")
        if "gains" in given:
            given["gains"] = tuple(float(gain) for gain in str(given["gains"]).split())
        return TypeAdapter(FitParams).validate_python(given)
    except (OSError, ValueError, TypeError, ValidationError) as error:
        raise InvalidInput(f"{path}: no fit parameters can be read from it: {error}") from error


_SEARCHED = ("objective", "learning_rate", "num_leaves", "min_data_in_leaf", "lambda_l2", "feature_fraction")


def _suggested(trial: optuna.Trial, base: FitParams) -> FitParams:
    return replace(
        base,
        objective=trial.suggest_categorical("objective", list(OBJECTIVES)),
        learning_rate=trial.suggest_float("learning_rate", 0.02, 0.1, log=True),
        num_leaves=trial.suggest_int("num_leaves", 7, 127, log=True),
        min_data_in_leaf=trial.suggest_int("min_data_in_leaf", 10, 500, log=True),
        lambda_l2=trial.suggest_float("lambda_l2", 0.1, 500.0, log=True),
        feature_fraction=trial.suggest_float("feature_fraction", 0.3, 1.0),
    )


def _params(found: dict[str, Any], base: FitParams) -> FitParams:
    return replace(base, **{name: found[name] for name in _SEARCHED})


def _done(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))


def _study(path: Path) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
        return optuna.create_study(
            storage=storage,
            study_name="feedrank",
            direction="maximize",
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=SEEDS[0]),
        )
    except (SQLAlchemyError, OptunaError) as error:
        raise InvalidInput(f"{path}: no study can be kept there: {error}; name another file") from error
