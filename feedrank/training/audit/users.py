"""Ranking quality for each group of users, and which groups fall behind the others.

Knows nothing of logs, of items or of how a page looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedrank.training.audit.behind import Contrast, group_against_rest, group_against_zero, holm
from feedrank.training.audit.settings import AuditSettings, Guardrail
from feedrank.training.bootstrap import numbered
from feedrank.training.dataset import Dataset
from feedrank.training.metrics import PerImpression, judge
from feedrank.training.slices import Slicing
from feedrank.types import F64


@dataclass(frozen=True, slots=True)
class UserGroup:
    """How much lower a group's mean AUC is than the others', and the corrected p-value of its being above the limit.

    NaN for `p` where the group is too small to judge.
    """

    grouping: str
    value: str
    impressions: int
    auc: float
    contrast: Contrast
    p: float

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "grouping": self.grouping,
            "value": self.value,
            "impressions": self.impressions,
            "users": self.contrast.users,
            "auc": self.auc,
            "difference": self.contrast.difference,
            "error": self.contrast.error,
            "p": self.p,
        }


def user_groups(dataset: Dataset, scores: F64, slicings: Sequence[Slicing], settings: AuditSettings) -> list[UserGroup]:
    """Each group of users against all others, by AUC over what was seen."""
    judged, part = _judged(dataset, scores)
    return _tested(judged.auc, judged, part, slicings, settings, paired=False)


def groups_set_back(
    dataset: Dataset, challenger: F64, champion: F64, slicings: Sequence[Slicing], settings: AuditSettings
) -> list[UserGroup]:
    """Each group of users under a challenger against the same impressions under the champion; `auc` is the
    challenger's.
    """
    judged, part = _judged(dataset, challenger)
    other, _ = _judged(dataset, champion)
    return _tested(judged.auc - other.auc, judged, part, slicings, settings, paired=True)


def user_guardrails(groups: Sequence[UserGroup], settings: AuditSettings) -> list[Guardrail]:
    """One a grouping: its lowest difference, failed if any group is proven to be below the limit."""
    rails = []
    for name in dict.fromkeys(g.grouping for g in groups if g.p == g.p):
        tested = [g for g in groups if g.grouping == name and g.p == g.p]
        failed = [g for g in tested if g.p < settings.false_alarms]
        worst = min(failed or tested, key=lambda g: g.contrast.difference)
        name_of = f"AUC of {name} {worst.value}"
        rails.append(Guardrail(name_of, worst.contrast.difference, -settings.user_gap, not failed))
    return rails


def _judged(dataset: Dataset, scores: F64) -> tuple[PerImpression, Dataset]:
    seen = dataset.judged()
    return judge(seen.labels, scores[dataset.seen], seen.offsets), seen


def _tested(
    values: F64,
    judged: PerImpression,
    seen: Dataset,
    slicings: Sequence[Slicing],
    settings: AuditSettings,
    paired: bool,
) -> list[UserGroup]:
    users = numbered([seen.user_ids[i] for i in judged.index.tolist()])
    found: list[UserGroup] = []
    for slicing in slicings:
        group = slicing.group[judged.index]
        known = group >= 0
        for place in np.unique(group[known]).tolist():
            inside = (group == place) & known
            if paired:
                contrast = group_against_zero(values[inside], users[inside])
            else:
                contrast = group_against_rest(values[known], inside[known], users[known])
            enough = contrast.users >= settings.fewest_users
            p = contrast.p_below(-settings.user_gap) if enough else float("nan")
            auc = float(judged.auc[inside].mean())
            found.append(UserGroup(slicing.name, slicing.values[place], int(inside.sum()), auc, contrast, p))
    corrected = holm([each.p for each in found])
    return [
        UserGroup(g.grouping, g.value, g.impressions, g.auc, g.contrast, p)
        for g, p in zip(found, corrected, strict=True)
    ]
