"""Fits a LightGBM LambdaMART ranker to a data set, choosing the number of trees on the last part of its time.

Burges: "From RankNet to LambdaRank to LambdaMART: An Overview", MSR-TR-2010-82. The number of trees is the least that
comes near the best mean per-impression AUC on impressions later than all those fitted to; so many are then fitted anew
to everything. Knows nothing of logs, registries, or of any later period.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import lightgbm
import numpy as np

from feedrank.errors import InvalidInput
from feedrank.pipeline.scorers import Calibration
from feedrank.training.calibrate import fit_calibration
from feedrank.training.dataset import Dataset
from feedrank.training.ensemble import summed
from feedrank.training.facts import Progress, no_progress
from feedrank.training.forms import Form
from feedrank.training.labels import Grade
from feedrank.training.metrics import Metrics, evaluate
from feedrank.training.places import examined_log_odds
from feedrank.types import F32, F64, Bools

MIN_TO_SELECT = 100  # with fewer impressions the best number of trees is noise
# More of these should not make an item worse, all else equal; what holding trees to that is worth: scripts/ablate.py.
RISING = frozenset(
    (
        *(f"{name}_{hours}h" for name in ("ctr", "log_clicks") for hours in (1, 6, 24, 168)),
        *("co_sum", "co_max", "co_last", "category_affinity", "subcategory_affinity", "author_affinity"),
        *("source_affinity", "sim_max", "sim_mean", "sim_top3", "sim_decayed", "sim_query"),
        *("follows_author", "follows_category", "follows_source", "language_match"),
    )
)
CLICKS_ALONE = (0.0, 0.0, 0.0, 1.0, 1.0)
NORMALIZED_L2 = 5.0  # times that of plain lambdas, of normalized ones: as both were chosen
OBJECTIVES = ("lambdarank", "rank_xendcg", "binary")
# LightGBM's threads wait for each other spinning, at every node of every tree: on two cores shared with other work, two
# threads took forty times as long as one. One fits 300,000 rows in half a minute; only beyond a million is it worth the
# risk.
MANY_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class FitParams:
    """How to fit. Chosen on EB-NeRD's train week alone: fitted to 18-23 May, judged on 24 May to 25 May 07:00."""

    objective: str = "lambdarank"  # one of OBJECTIVES
    learning_rate: float = 0.08  # half of it needs twice as many trees, and orders no form measurably better
    num_leaves: int = 31  # 15 lose .003 of AUC as shown, 63 lose .005 with an outdated log
    min_data_in_leaf: int = 50  # impressions of one user come in bursts; smaller leaves learn the user
    lambda_l2: float = 10.0  # 2 to 50 are within noise once lambdas are not normalized
    feature_fraction: float = 1.0  # of the features, looked at for each split
    gains: tuple[float, ...] = CLICKS_ALONE  # what lambdarank gains by each Grade above others, from HIDDEN to GOOD
    monotone: bool = False  # hold RISING features to their sign
    # LightGBM's default divides each pair's lambda by how far apart its scores are, which weighs most what is hard to
    # tell apart: impressions with an outdated log, where it fits noise. Left out, nothing else loses measurably.
    normalized: bool = False
    # binary: P(examined) is taken to fall as place ** -decay, of served slates, which alone know places.
    place_decay: float = 0.0
    averaged: bool = True  # lambdarank: of two rankers, one of either kind, which err differently; half the trees each
    truncation_level: int = 30  # pairs with a place among the first 30: the slates of a news page
    max_rounds: int = 300
    patience: int = 40  # rounds without a better AUC before giving up; the curve is flat and noisy near its top
    near_best: float = 0.001  # of AUC, as much as seeds differ by: the first round as near the best as this is taken
    default_rounds: int = 75  # where there is too little to choose by
    selection_share: float = 0.15  # of the impressions, the last in time: about a day of a week
    seed: int = 1
    num_threads: int = 0  # 0: by the size of the data, see `threads_for`. The model does not depend on it

    def __post_init__(self) -> None:
        """Refuses an objective that is no way to rank, and gains that fall with the grade. InvalidInput."""
        rising = all(0 <= a <= b for a, b in pairwise(self.gains))
        if len(self.gains) != len(Grade) or not rising or self.gains[Grade.CLICKED] == self.gains[Grade.HIDDEN]:
            raise InvalidInput(f"gains {self.gains} are not {len(Grade)} numbers from 0 on that never fall, but rise")
        if self.objective not in OBJECTIVES:
            raise InvalidInput(f"objective {self.objective!r} is not one of {', '.join(OBJECTIVES)}")
        if self.place_decay < 0.0 or (self.place_decay and self.objective != "binary"):
            raise InvalidInput(f"place_decay {self.place_decay} must be 0, or above it with the objective binary")

    def members(self) -> "tuple[FitParams, ...]":
        """How each ranker of the model is fitted, itself alone unless rankers are averaged."""
        if not self.averaged or self.objective != "lambdarank":
            return (replace(self, averaged=False),)
        plain = replace(self, averaged=False, normalized=False)
        return (plain, replace(plain, normalized=True, lambda_l2=self.lambda_l2 * NORMALIZED_L2))

    def lightgbm(self, rows: int, features: Sequence[str]) -> dict[str, Any]:
        """LightGBM's own names, for a data set of so many rows and these columns."""
        return {
            "objective": self.objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_data_in_leaf,
            "lambda_l2": self.lambda_l2,
            **(
                {
                    "lambdarank_truncation_level": self.truncation_level,
                    "lambdarank_norm": self.normalized,
                    "label_gain": ",".join(map(str, self.gains)),
                }
                if self.objective == "lambdarank"
                else {}
            ),
            **({"monotone_constraints": [int(name in RISING) for name in features]} if self.monotone else {}),
            "feature_fraction_bynode": self.feature_fraction,
            "deterministic": True,
            "force_row_wise": True,  # choosing by timing would differ between runs
            "seed": self.seed,
            "num_threads": threads_for(rows, self.num_threads),
            "metric": "None",
            "verbose": -1,
        }

    def as_json(self) -> dict[str, str | int | float | bool]:
        """For a manifest."""
        return {**asdict(self), "gains": " ".join(f"{gain:g}" for gain in self.gains)}


@dataclass(frozen=True, slots=True)
class Fitted:
    """A ranker and how it was found."""

    model_text: str  # LightGBM's text form
    features: tuple[str, ...]
    rounds: int  # trees of each ranker that is averaged
    selection: Metrics | None  # on the last part, by a model fitted to the part before it; None if that was too small
    calibration: Calibration | None  # of that model's margins on that part
    impressions: int  # learnt from: with both labels, or for binary all
    rows: int  # of all their forms


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
    usable = dataset.take(with_both_labels(dataset))
    check_learnable(dataset, usable)
    if params.objective == "binary":  # a slate nothing was clicked of holds no pair, but says what is left unread
        usable = dataset
    early, late = split(usable, params.selection_share)
    judged = judgeable(late)
    rounds, selection, calibration = params.default_rounds, None, None
    if len(judged) >= MIN_TO_SELECT and len(early):
        rounds, selection, chosen = select(early, judged, features, params, progress)
        calibration = _calibrated(chosen, dataset.take(dataset.times >= late.times[0]), features)
    booster = train_booster(usable, features, params, rounds, progress)
    return Fitted(
        booster.model_to_string(),
        tuple(features),
        rounds,
        selection,
        calibration,
        len(usable.of(Form.SHOWN)),
        len(usable.labels),
    )


def split(dataset: Dataset, share: float) -> tuple[Dataset, Dataset]:
    """All before an instant, and the rest: about `share` of the impressions, the last in time."""
    cut = dataset.times[int(len(dataset) * (1.0 - share))]
    return dataset.take(dataset.times < cut), dataset.take(dataset.times >= cut)


def judgeable(dataset: Dataset) -> Dataset:
    """What a ranker is chosen by: what was seen, of impressions with both labels, but not with an outdated log."""
    seen = dataset.take(dataset.forms != Form.OUTDATED).judged()
    return seen.take(with_both_labels(seen))


def train_booster(
    dataset: Dataset, features: Sequence[str], params: FitParams, rounds: int, progress: Progress = no_progress
) -> lightgbm.Booster:
    """So many trees over the named columns, of each ranker that is averaged."""
    return summed(
        [
            lightgbm.train(
                member.lightgbm(len(dataset.rows), features),
                _lightgbm_dataset(dataset, features, member),
                rounds,
                callbacks=[_each_round(progress)],
            )
            for member in params.members()
        ],
        rounds,
    )


def threads_for(rows: int, wanted: int) -> int:
    """Threads to fit with: those wanted, or for 0 one, and one a core for many rows (LightGBM's 0)."""
    return wanted or (0 if rows >= MANY_ROWS else 1)


def check_learnable(dataset: Dataset, usable: Dataset) -> None:
    """InvalidInput saying what is missing if `usable`, those of `dataset` with both labels, holds no order to learn."""
    count = len(dataset.of(Form.SHOWN))
    if not count:
        raise InvalidInput(
            "there are no impressions to learn from: import views of at least two items with a request id"
        )
    if not dataset.labels.any():
        raise InvalidInput(
            f"none of the {count} impressions has a click: clicks need the user_id and request_id of their view"
        )
    if not len(usable):
        raise InvalidInput(f"each of the {count} impressions is clicked throughout or not at all: none tells an order")
    if len(set(usable.user_ids)) == 1 and usable.user_ids[0]:
        raise InvalidInput(
            f"all {len(usable.of(Form.SHOWN))} impressions with a click are of one user: a ranker would learn one "
            "person's habits; import more users, or serve the prior scorer"
        )


def with_both_labels(dataset: Dataset) -> Bools:
    """Which impressions hold something clicked and something not, (r,)."""
    sizes = np.diff(dataset.offsets)
    owner = np.repeat(np.arange(len(dataset)), sizes)
    clicked = np.bincount(owner, dataset.labels > 0, minlength=len(dataset))
    return (clicked > 0) & (clicked < sizes)


def _calibrated(booster: lightgbm.Booster, late: Dataset, features: Sequence[str]) -> Calibration | None:
    """The curve from margins to click rates of what was seen later than all that the booster was fitted to, clicked in
    or not, in the form that serves.
    """
    served = late.served().judged()
    if not len(served.labels):
        return None
    margins = booster.predict(served.columns(features), raw_score=True, num_threads=1)
    return fit_calibration(np.asarray(margins, np.float64), served.labels)


def _lightgbm_dataset(dataset: Dataset, features: Sequence[str], params: FitParams) -> lightgbm.Dataset:
    labels = dataset.grades if params.objective == "lambdarank" else dataset.labels
    return lightgbm.Dataset(
        dataset.columns(features),
        labels,
        group=np.diff(dataset.offsets),
        init_score=examined_log_odds(dataset, params.place_decay) if params.place_decay else None,
        feature_name=list(features),
    )


def select(
    early: Dataset, judged: Dataset, features: Sequence[str], params: FitParams, progress: Progress
) -> tuple[int, Metrics, lightgbm.Booster]:
    """The fewest rounds that rank `judged` nearly as well as any after fitting to `early`, their metrics, and what they
    fit.
    """
    rows = judged.columns(features)
    margins: F64 = np.zeros(len(rows))
    curve: list[Metrics] = []  # after each round
    best = 0
    boosters = [
        lightgbm.Booster(member.lightgbm(len(early.rows), features), _lightgbm_dataset(early, features, member))
        for member in params.members()
    ]
    for done in range(1, params.max_rounds + 1):
        finished = [booster.update() for booster in boosters]
        if all(finished):
            break  # no split gains any more
        margins += sum(_tree(booster, done - 1, rows) for booster in boosters)
        curve.append(evaluate(judged.labels, margins, judged.offsets))
        if curve[-1].auc > curve[best].auc:
            best = done - 1
        progress(1)
        if done - 1 - best >= params.patience:
            break
    if not curve:  # nothing to split on: every number of trees ranks by chance
        chance = evaluate(judged.labels, margins, judged.offsets)
        return params.default_rounds, chance, summed(boosters, params.default_rounds)
    near = next(i for i, metrics in enumerate(curve) if metrics.auc >= curve[best].auc - params.near_best)
    return near + 1, curve[near], summed(boosters, near + 1)


def _each_round(progress: Progress) -> Callable[[lightgbm.callback.CallbackEnv], None]:
    return lambda env: progress(1)


def _tree(booster: lightgbm.Booster, index: int, rows: F32) -> F64:
    """What the tree of one round adds to each margin, (n,)."""
    added = booster.predict(rows, start_iteration=index, num_iteration=1, raw_score=True, num_threads=1)
    return np.asarray(added, np.float64)
