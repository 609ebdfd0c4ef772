"""Fits a LightGBM LambdaMART ranker to a data set, choosing the number of trees on the last part of its time.

Burges: "From RankNet to LambdaRank to LambdaMART: An Overview", MSR-TR-2010-82. Trees are chosen by mean per-impression
AUC on impressions later than all those fitted to, then fitted anew to everything. Knows nothing of logs, registries, or
of any later period.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import lightgbm
import numpy as np

from feedrank.errors import InvalidInput
from feedrank.training.dataset import Dataset
from feedrank.training.facts import Progress, no_progress
from feedrank.training.metrics import Metrics, evaluate
from feedrank.types import F32, F64, Bools

MIN_TO_SELECT = 100  # with fewer impressions the best number of trees is noise
# LightGBM's threads wait for each other spinning, at every node of every tree: on two cores shared with other work, two
# threads took forty times as long as one. One fits 300,000 rows in half a minute; only beyond a million is it worth the
# risk.
MANY_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class FitParams:
    """How to fit. Chosen on EB-NeRD's train week alone: fitted to 18-23 May, judged on 24 May to 25 May 07:00."""

    learning_rate: float = 0.04  # halving it costs twice the trees and gains nothing measurable
    num_leaves: int = 31  # 15 to 63 are within noise; more leaves cost time at every request
    min_data_in_leaf: int = 50  # impressions of one user come in bursts; smaller leaves learn the user
    lambda_l2: float = 50.0  # 0 to 100 are within noise; here the curve is flattest past the best number of trees
    truncation_level: int = 30  # pairs with a place among the first 30: the slates of a news page
    max_rounds: int = 600
    patience: int = 60  # rounds without a better AUC before giving up; the curve is flat and noisy near its top
    default_rounds: int = 150  # where there is too little to choose by
    selection_share: float = 0.15  # of the impressions, the last in time: about a day of a week
    objective: str = "lambdarank"  # or another of LightGBM's that gives a margin to rank by, as "binary"
    seed: int = 1
    num_threads: int = 0  # 0: by the size of the data, see `threads_for`. The model does not depend on it

    def lightgbm(self, rows: int) -> dict[str, str | int | float | bool]:
        """LightGBM's own names, for a data set of so many rows."""
        return {
            "objective": self.objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_data_in_leaf,
            "lambda_l2": self.lambda_l2,
            "lambdarank_truncation_level": self.truncation_level,
            "deterministic": True,
            "force_row_wise": True,  # choosing by timing would differ between runs
            "seed": self.seed,
            "num_threads": threads_for(rows, self.num_threads),
            "metric": "None",
            "verbose": -1,
        }

    def as_json(self) -> dict[str, str | int | float | bool]:
        """For a manifest."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A ranker and how it was found."""

    model_text: str  # LightGBM's text form
    features: tuple[str, ...]
    rounds: int
    selection: Metrics | None  # on the last part, by a model fitted to the part before it; None if that was too small
    impressions: int  # with both labels
    rows: int


def fit(
    dataset: Dataset,
    features: Sequence[str],
    params: FitParams | None = None,
    progress: Progress = no_progress,
) -> Fitted:
    """A ranker over the named columns of `dataset`. `progress` hears each round of either fit.

    InvalidInput if the data set has nothing to learn an order from, or is of a single user.
    """
    params = params or FitParams()
    usable = dataset.take(_with_both_labels(dataset))
    check_learnable(dataset, usable)
    early, late = _split(usable, params.selection_share)
    judged = late.judged()
    judged = judged.take(_with_both_labels(judged))
    rounds, selection = params.default_rounds, None
    if len(judged) >= MIN_TO_SELECT and len(early):
        rounds, selection = _select(early, judged, features, params, progress)
    booster = lightgbm.train(
        params.lightgbm(len(usable.rows)),
        _lightgbm_dataset(usable, features),
        rounds,
        callbacks=[_each_round(progress)],
    )
    return Fitted(booster.model_to_string(), tuple(features), rounds, selection, len(usable), len(usable.labels))


def threads_for(rows: int, wanted: int) -> int:
    """Threads to fit with: those wanted, or for 0 one, and one a core for many rows (LightGBM's 0)."""
    return wanted or (0 if rows >= MANY_ROWS else 1)


def check_learnable(dataset: Dataset, usable: Dataset) -> None:
    """InvalidInput saying what is missing if `usable`, those of `dataset` with both labels, holds no order to learn."""
    if not len(dataset):
        raise InvalidInput(
            "there are no impressions to learn from: import views of at least two items with a request id"
        )
    if not dataset.labels.any():
        raise InvalidInput(
            f"none of the {len(dataset)} impressions has a click: clicks need the user_id and request_id of their view"
        )
    if not len(usable):
        raise InvalidInput(
            f"each of the {len(dataset)} impressions is clicked throughout or not at all: none tells an order"
        )
    if len(set(usable.user_ids)) == 1 and usable.user_ids[0]:
        raise InvalidInput(
            f"all {len(usable)} impressions with a click are of one user: a ranker would learn one person's habits; "
            "import more users, or serve the prior scorer"
        )


def _with_both_labels(dataset: Dataset) -> Bools:
    sizes = np.diff(dataset.offsets)
    owner = np.repeat(np.arange(len(dataset)), sizes)
    clicked = np.bincount(owner, dataset.labels > 0, minlength=len(dataset))
    return (clicked > 0) & (clicked < sizes)


def _split(dataset: Dataset, share: float) -> tuple[Dataset, Dataset]:
    """Everything before an instant, and the rest: about `share` of the impressions."""
    cut = dataset.times[int(len(dataset) * (1.0 - share))]
    late = dataset.times >= cut
    return dataset.take(~late), dataset.take(late)


def _lightgbm_dataset(dataset: Dataset, features: Sequence[str]) -> lightgbm.Dataset:
    return lightgbm.Dataset(
        dataset.columns(features), dataset.labels, group=np.diff(dataset.offsets), feature_name=list(features)
    )


def _select(
    early: Dataset, judged: Dataset, features: Sequence[str], params: FitParams, progress: Progress
) -> tuple[int, Metrics]:
    """The number of rounds that ranks `judged` best after fitting to `early`, and its metrics."""
    rows, best = judged.columns(features), (0, Metrics(-1.0, 0.0, 0.0, 0.0, 0))
    margins: F64 = np.zeros(len(rows))
    booster = lightgbm.Booster(params.lightgbm(len(early.rows)), _lightgbm_dataset(early, features))
    for done in range(1, params.max_rounds + 1):
        if booster.update():
            break  # no split gains any more
        margins += _tree(booster, done - 1, rows)
        metrics = evaluate(judged.labels, margins, judged.offsets)
        if metrics.auc > best[1].auc:
            best = (done, metrics)
        progress(1)
        if done - best[0] >= params.patience:
            break
    if not best[0]:  # nothing to split on: every number of trees ranks by chance
        return params.default_rounds, evaluate(judged.labels, margins, judged.offsets)
    return best


def _each_round(progress: Progress) -> Callable[[lightgbm.callback.CallbackEnv], None]:
    return lambda env: progress(1)


def _tree(booster: lightgbm.Booster, index: int, rows: F32) -> F64:
    """What the tree of one round adds to each margin, (n,)."""
    added = booster.predict(rows, start_iteration=index, num_iteration=1, raw_score=True, num_threads=1)
    return np.asarray(added, np.float64)
