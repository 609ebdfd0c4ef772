"""Judges a scorer on impressions: its metrics beside the baselines', and how sure one can be of the first.

Knows nothing of logs or of how a scorer was made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.pipeline.stages import Scorer
from feedrank.training.baselines import judge_baselines
from feedrank.training.dataset import Dataset
from feedrank.training.metrics import Metrics, PerImpression, judge
from feedrank.types import F64

SCORED_AT_ONCE = 100_000  # rows a native call; bounds the copies it makes
BOOTSTRAPS = 1_000  # resamples: the ends of a 95% interval are then good to a tenth of its width


@dataclass(frozen=True, slots=True)
class Judgement:
    """A scorer's metrics on impressions, an interval for its AUC, and the baselines on the same impressions."""

    metrics: Metrics
    auc_interval: tuple[float, float]  # 95%, bootstrap over users
    baselines: Mapping[str, Metrics]

    def as_json(self) -> dict[str, Any]:
        """The contract's keys, with `auc_95` and `baselines` beside them."""
        baselines = {name: metrics.as_json() for name, metrics in self.baselines.items()}
        return {**self.metrics.as_json(), "auc_95": list(self.auc_interval), "baselines": baselines}


def judge_scorer(dataset: Dataset, scorer: Scorer, seed: int = 1) -> Judgement:
    """Judges `scorer` on what was seen of each impression. InvalidInput if none has both labels."""
    seen = dataset.judged()
    per_impression = judge(seen.labels, margins(seen, scorer), seen.offsets)
    if not len(per_impression.index):
        raise InvalidInput(
            f"none of the {len(dataset)} impressions of the period has both a clicked and an unclicked item: "
            "there is nothing to judge by"
        )
    users = [seen.user_ids[i] or f"\0{i}" for i in per_impression.index.tolist()]  # an unknown user is one of their own
    return Judgement(per_impression.mean(), auc_interval(per_impression, users, seed), judge_baselines(seen))


def margins(dataset: Dataset, scorer: Scorer) -> F64:
    """The scorer's margins, (n,)."""
    rows = dataset.columns(scorer.features)
    parts = [scorer.score(rows[i : i + SCORED_AT_ONCE])["margin"] for i in range(0, len(rows), SCORED_AT_ONCE)]
    return np.concatenate(parts) if parts else np.empty(0)


def auc_interval(per_impression: PerImpression, users: list[str], seed: int) -> tuple[float, float]:
    """95% percentile interval of the mean AUC, resampling users: one user's impressions are not independent."""
    _, user = np.unique(users, return_inverse=True)
    sums = np.bincount(user, per_impression.auc)
    counts = np.bincount(user).astype(np.float64)
    rng = np.random.default_rng(seed)
    means = np.empty(BOOTSTRAPS)
    for b in range(BOOTSTRAPS):
        weights = np.bincount(rng.integers(0, len(sums), len(sums)), minlength=len(sums))
        means[b] = (weights @ sums) / (weights @ counts)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
