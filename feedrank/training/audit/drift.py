"""Drift, measured from the log: how far a model's inputs and margins have moved from a reference period, and whether
its probabilities still mean what they say.

Inputs are compared by the population stability index over tenths of the reference. Knows nothing of where the two
periods come from.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from feedrank.pipeline.stages import Scorer
from feedrank.training.bootstrap import Interval, intervals, numbered
from feedrank.training.dataset import Dataset
from feedrank.types import DAY, F64, AnyArray, Micros

BINS = 10  # tenths of the reference, as the index is usually taken
MOVED, SHIFTED = 0.1, 0.25  # Siddiqi, "Credit Risk Scorecards" (2006): below .1 steady, above .25 another population
FLOOR = 1e-4  # share of an empty bin, so that the index stays finite
MARGIN = "margin"  # what the inputs come to


@dataclass(frozen=True, slots=True)
class Drift:
    """One column's movement: its index, its means, and the shares of rows where it is unknown."""

    column: str
    psi: float
    mean_before: float
    mean_now: float
    unknown_before: float
    unknown_now: float

    @property
    def verdict(self) -> str:
        """The index in a word."""
        if self.psi < MOVED:
            return "steady"
        return "moved" if self.psi < SHIFTED else "shifted"

    def as_json(self) -> dict[str, Any]:
        """For machines; unknown means are null."""
        values = {name: None if value != value else value for name, value in asdict(self).items()}
        return {**values, "verdict": self.verdict}


@dataclass(frozen=True, slots=True)
class DayOfProbabilities:
    """One day's mean click probability less the share clicked, over what was seen: 0 is calibrated at large."""

    day: Micros
    rows: int
    said: float
    clicked: float
    excess: Interval  # said less clicked, 95% over users


def stability_index(before: AnyArray, now: AnyArray, bins: int = BINS) -> float:
    """The population stability index of values (n,) against (m,): sum over bins of (q - p) log(q / p).

    Bins are quantiles of the known values before; NaN has a bin of its own. 0 for equal distributions.
    """
    known = before[~np.isnan(before)]
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins)) if len(known) else np.empty(0)
    p, q = (_shares(values, edges) for values in (before, now))
    return float(((q - p) * np.log(q / p)).sum())


def drifts(before: Dataset, now: Dataset, scorer: Scorer) -> list[Drift]:
    """Every input of a scorer and its margin, the farthest moved first. Both data sets hold at least one row."""
    rows = (before.columns(scorer.features), now.columns(scorer.features))
    found = [_drift(name, rows[0][:, j], rows[1][:, j]) for j, name in enumerate(scorer.features)]
    margins = [scorer.score(np.ascontiguousarray(part))["margin"] for part in rows]
    return sorted([*found, _drift(MARGIN, *margins)], key=lambda drift: -drift.psi)


def probabilities_by_day(dataset: Dataset, scorer: Scorer, seed: int = 1) -> list[DayOfProbabilities]:
    """How calibrated a scorer's probabilities are on each day, over what was seen; empty if it gives none."""
    seen = dataset.judged()
    columns = scorer.score(np.ascontiguousarray(seen.columns(scorer.features)))
    if "click_probability" not in columns:
        return []
    said, clicked = columns["click_probability"], (seen.labels > 0).astype(np.float64)
    owner = np.repeat(np.arange(len(seen)), np.diff(seen.offsets))
    day, users = (seen.times // DAY)[owner], numbered(seen.user_ids)[owner]
    found = []
    for each in np.unique(day).tolist():
        inside = day == each
        excess = intervals((said - clicked)[inside][:, None], users[inside], seed)[0]
        means = float(said[inside].mean()), float(clicked[inside].mean())
        found.append(DayOfProbabilities(each * DAY, int(inside.sum()), *means, excess))
    return found


def moved(found: Sequence[Drift]) -> list[Drift]:
    """Those that are not steady."""
    return [drift for drift in found if drift.psi >= MOVED]


def _drift(column: str, before: AnyArray, now: AnyArray) -> Drift:
    first, second = before.astype(np.float64), now.astype(np.float64)
    unknown = float(np.isnan(first).mean()), float(np.isnan(second).mean())
    return Drift(column, stability_index(first, second), _mean(first), _mean(second), *unknown)


def _shares(values: AnyArray, edges: AnyArray) -> F64:
    unknown = np.isnan(values)
    inside = np.searchsorted(edges, values[~unknown], side="right")
    counts = np.append(np.bincount(inside, minlength=len(edges) + 1), unknown.sum())
    shares: F64 = np.maximum(counts / max(len(values), 1), FLOOR)
    return shares


def _mean(values: F64) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
