"""Judges a scorer on impressions: its metrics beside the baselines', and how sure one can be of the first.

Knows nothing of logs or of how a scorer was made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.pipeline.stages import Scorer
from feedrank.training.baselines import POPULAR, POPULARITY, RANDOM, scores
from feedrank.training.bootstrap import Interval, intervals, numbered, paired
from feedrank.training.dataset import Dataset
from feedrank.training.metrics import Metrics, judge
from feedrank.types import F64

SCORED_AT_ONCE = 100_000  # rows a native call; bounds the copies it makes


@dataclass(frozen=True, slots=True)
class Beaten:
    """A baseline's metrics, and by how much AUC the scorer is above it on the same impressions."""

    metrics: Metrics
    auc_gain: Interval  # of the scorer over the baseline, paired, 95% over users

    def as_json(self) -> dict[str, Any]:
        """The contract's keys, with `auc_gain_95` beside them."""
        return {**self.metrics.as_json(), "auc_gain_95": [self.auc_gain.low, self.auc_gain.high]}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A scorer's metrics on impressions, an interval for its AUC, and the baselines on the same impressions."""

    metrics: Metrics
    auc_interval: tuple[float, float]  # 95%, bootstrap over users
    baselines: Mapping[str, Beaten]

    def as_json(self) -> dict[str, Any]:
        """The contract's keys, with `auc_95` and `baselines` beside them."""
        baselines = {name: baseline.as_json() for name, baseline in self.baselines.items()}
        return {**self.metrics.as_json(), "auc_95": list(self.auc_interval), "baselines": baselines}


def judge_scorer(dataset: Dataset, scorer: Scorer, fitted: Mapping[str, F64] | None = None, seed: int = 1) -> Judgement:
    """Judges `scorer` on what was seen of each impression, beside the baselines that are columns of the data set and
    the scores (n,) of those that had to be `fitted`. InvalidInput if no impression has both labels.
    """
    seen = dataset.judged()
    mine = judge(seen.labels, margins(seen, scorer), seen.offsets)
    if not len(mine.index):
        raise InvalidInput(
            f"none of the {len(dataset)} impressions of the period has both a clicked and an unclicked item: "
            "there is nothing to judge by"
        )
    users = numbered([seen.user_ids[i] for i in mine.index.tolist()])
    auc = intervals(mine.auc[:, None], users, seed)[0]
    theirs = {**scores(seen), **{name: column[dataset.seen] for name, column in (fitted or {}).items()}}
    judged = {name: judge(seen.labels, column, seen.offsets) for name, column in theirs.items()}
    gains = paired(
        np.tile(mine.auc[:, None], len(judged)), np.stack([j.auc for j in judged.values()], axis=1), users, seed
    )
    beaten = {name: Beaten(j.mean(), gain) for (name, j), gain in zip(judged.items(), gains, strict=True)}
    return Judgement(mine.mean(), (auc.low, auc.high), with_best_popularity(beaten))


def with_best_popularity(found: Mapping[str, Beaten]) -> dict[str, Beaten]:
    """The baselines with `popularity` after `random`: whichever half-life of clicks or CTR has the best AUC, picked in
    hindsight.
    """
    popular = [found[name] for name in POPULAR if name in found]
    first = {RANDOM: found[RANDOM]}
    if popular:
        first[POPULARITY] = max(popular, key=lambda beaten: beaten.metrics.auc)
    return {**first, **found}


def margins(dataset: Dataset, scorer: Scorer) -> F64:
    """The scorer's margins, (n,)."""
    rows = dataset.columns(scorer.features)
    parts = [scorer.score(rows[i : i + SCORED_AT_ONCE])["margin"] for i in range(0, len(rows), SCORED_AT_ONCE)]
    return np.concatenate(parts) if parts else np.empty(0)
