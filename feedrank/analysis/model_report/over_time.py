"""AUC by stretch of the judged period. Knows nothing of pages."""

from dataclasses import dataclass

import numpy as np

from feedrank.training.audit.audited import Scored
from feedrank.training.bootstrap import Interval, intervals, numbered
from feedrank.training.metrics import judge
from feedrank.types import DAY, HOUR, Micros

SPANS: tuple[tuple[Micros, str], ...] = ((3 * HOUR, "3 h"), (6 * HOUR, "6 h"), (12 * HOUR, "12 h"), (DAY, "day"))
MOST_POINTS = 20


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time, its beginning, and the AUC over its impressions, 95% over users."""

    start: Micros
    auc: Interval
    impressions: int


def over_time(scored: Scored, seed: int = 1) -> tuple[str, list[Stretch]]:
    """The length of a stretch in words, the shortest that gives few enough, and the stretches in order."""
    seen = scored.dataset.judged()
    judged = judge(seen.labels, scored.scores[scored.dataset.seen], seen.offsets)
    users = numbered([seen.user_ids[i] for i in judged.index.tolist()])
    times = seen.times[judged.index]
    whole = int(times.max() - times.min()) if len(times) else 0
    span, name = next((each for each in SPANS if whole / each[0] <= MOST_POINTS), SPANS[-1])
    found = []
    for at in np.unique(times // span).tolist():
        inside = times // span == at
        auc = intervals(judged.auc[inside][:, None], users[inside], seed)[0]
        found.append(Stretch(at * span, auc, int(inside.sum())))
    return name, found
