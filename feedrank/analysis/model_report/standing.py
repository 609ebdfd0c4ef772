"""How a model stands: its metrics beside the baselines' on the same impressions, over time, and by counter delay.

Knows nothing of pages.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.training import baselines
from feedrank.training.audit.audited import Scored
from feedrank.training.bootstrap import Interval, intervals, numbered, paired
from feedrank.training.metrics import PerImpression, judge
from feedrank.training.slices import columns_of
from feedrank.types import DAY, HOUR, I64, Micros

MODEL = "this model"
SPANS: tuple[tuple[Micros, str], ...] = ((3 * HOUR, "3 h"), (6 * HOUR, "6 h"), (12 * HOUR, "12 h"), (DAY, "day"))
MOST_POINTS = 20  # of a curve over time


@dataclass(frozen=True, slots=True)
class Standing:
    """One ranking's metrics with intervals, and how much lower its AUC is than the model's, paired."""

    name: str
    metrics: Sequence[Interval]  # by slices.METRICS
    behind: Interval | None  # None for the model itself


@dataclass(frozen=True, slots=True)
class Point:
    """A place on a curve."""

    at: float  # microseconds, or seconds of delay
    auc: Interval
    impressions: int


def standings(scored: Scored, seed: int = 1) -> list[Standing]:
    """The model, then each baseline, best AUC first. InvalidInput if no impression has both labels."""
    judged, users = judged_with_users(scored)
    if not len(judged.index):
        raise InvalidInput("no impression of the period has both a clicked and an unclicked item: nothing to judge by")
    mine = columns_of(judged)
    found = []
    seen = scored.dataset.judged()
    for name, scores in baselines.scores(seen).items():
        columns = columns_of(judge(seen.labels, scores, seen.offsets))
        behind = paired(columns[:, :1], mine[:, :1], users, seed)[0]
        found.append(Standing(name, intervals(columns, users, seed), behind))
    found.sort(key=lambda each: -each.metrics[0].mean)
    return [Standing(MODEL, intervals(mine, users, seed), None), *found]


def over_time(scored: Scored, seed: int = 1) -> tuple[str, list[Point]]:
    """AUC by stretch of the period: the length of a stretch, in words, and its points."""
    judged, users = judged_with_users(scored)
    times = scored.dataset.times[judged.index]
    whole = int(times.max() - times.min())
    span, name = next((each for each in SPANS if whole / each[0] <= MOST_POINTS), SPANS[-1])
    stretch = times // span
    points = []
    for at in np.unique(stretch).tolist():
        inside = stretch == at
        auc = intervals(judged.auc[inside][:, None], users[inside], seed)[0]
        points.append(Point(float(at * span), auc, int(inside.sum())))
    return name, points


def delay_point(scored: Scored, seed: int = 1) -> Point:
    """AUC with counters as late as `scored` saw them."""
    judged, users = judged_with_users(scored)
    auc = intervals(judged.auc[:, None], users, seed)[0]
    return Point(scored.counter_delay_s, auc, len(judged.index))


def judged_with_users(scored: Scored) -> tuple[PerImpression, I64]:
    """Each impression with both labels under the model, and a number for its user."""
    seen = scored.dataset.judged()
    judged = judge(seen.labels, scored.scores[scored.dataset.seen], seen.offsets)
    return judged, numbered([seen.user_ids[i] for i in judged.index.tolist()])
