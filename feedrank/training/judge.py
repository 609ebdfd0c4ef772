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
from feedrank.training.bootstrap import intervals, numbered
from feedrank.training.dataset import Dataset
from feedrank.training.metrics import Metrics, judge
from feedrank.types import F64

SCORED_AT_ONCE = 100_000  # rows a native call; bounds the copies it makes


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
    users = numbered([seen.user_ids[i] for i in per_impression.index.tolist()])
    auc = intervals(per_impression.auc[:, None], users, seed)[0]
    return Judgement(per_impression.mean(), (auc.low, auc.high), judge_baselines(seen))


def margins(dataset: Dataset, scorer: Scorer) -> F64:
    """The scorer's margins, (n,)."""
    rows = dataset.columns(scorer.features)
    parts = [scorer.score(rows[i : i + SCORED_AT_ONCE])["margin"] for i in range(0, len(rows), SCORED_AT_ONCE)]
    return np.concatenate(parts) if parts else np.empty(0)
