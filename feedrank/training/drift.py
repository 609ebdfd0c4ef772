"""Drift: how far a period's inputs, and its clicks, are from what a model was trained on.

The population stability index of each feature over the tenths of its training rows (Siddiqi: "Credit Risk Scorecards",
2006: below 0.1 steady, above 0.25 shifted), and clicks against predicted clicks day by day. Knows nothing of how rows
are made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from feedrank.registry import InputReference
from feedrank.training.dataset import Dataset
from feedrank.types import DAY, F64, AnyArray, Micros

SHIFTED = 0.25  # index from which a feature is worth a look
FAINTEST = 1e-4  # share below which a bin counts as this much: an empty bin is no infinite shift
INNER_DECILES = np.arange(1, 10) / 10.0


@dataclass(frozen=True, slots=True)
class Shift:
    """How far one feature moved: its index, and the share of rows where it is unknown, then and now."""

    feature: str
    index: float
    missing_then: float
    missing_now: float


@dataclass(frozen=True, slots=True)
class DayOfClicks:
    """A day's clicks beside those predicted, over `rows` items seen."""

    day: Micros  # its midnight
    rows: int
    clicks: int
    predicted: float

    @property
    def ratio(self) -> float:
        """Clicks over predicted ones: 1 where the calibration holds."""
        return self.clicks / self.predicted if self.predicted > 0 else float("nan")


def input_references(rows: AnyArray, features: Sequence[str]) -> dict[str, InputReference]:
    """How each feature is spread over rows (n, f): what a manifest keeps."""
    found = {}
    for j, name in enumerate(features):
        column = rows[:, j]
        known = column[~np.isnan(column)].astype(np.float64)
        edges = np.unique(np.quantile(known, INNER_DECILES)) if len(known) else np.empty(0)
        found[name] = InputReference(edges=tuple(edges.tolist()), shares=tuple(_shares(edges, column).tolist()))
    return found


def shifts(references: Mapping[str, InputReference], dataset: Dataset) -> list[Shift]:
    """The shift of each feature that has a reference and a column, the largest first."""
    found = []
    for name, reference in references.items():
        if name in dataset.features:
            column = dataset.columns((name,))[:, 0].astype(np.float64)
            if len(column):
                missing = 1.0 - sum(reference.shares), float(np.isnan(column).mean())
                found.append(Shift(name, _index(reference, column), *missing))
    return sorted(found, key=lambda shift: -shift.index)


def _shares(edges: F64, column: AnyArray) -> F64:
    """The share of a column's entries (n,) in each bin, (len(edges) + 1,); what is unknown is in none."""
    known = column[~np.isnan(column)]
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return np.asarray(counts / max(len(column), 1), np.float64)


def _index(reference: InputReference, column: F64) -> float:
    """The population stability index of a column (n,), what is unknown being a bin of its own."""
    then, now = np.array(reference.shares), _shares(np.array(reference.edges), column)
    then, now = (np.maximum(np.append(s, 1.0 - s.sum()), FAINTEST) for s in (then, now))
    return float(((now - then) * np.log(now / then)).sum())


def clicks_by_day(dataset: Dataset, probabilities: F64) -> list[DayOfClicks]:
    """Clicks beside predicted ones (n,) of what was seen, for each day of the data set, in order."""
    owner = np.repeat(np.arange(len(dataset)), np.diff(dataset.offsets))
    days = (dataset.times // DAY)[owner][dataset.seen]
    clicked, predicted = dataset.labels[dataset.seen] > 0, probabilities[dataset.seen]
    return [
        DayOfClicks(
            day * DAY, int((days == day).sum()), int(clicked[days == day].sum()), float(predicted[days == day].sum())
        )
        for day in np.unique(days).tolist()
    ]
