"""Ranking quality for each group of users: which groups are behind the others, and which a ranking sets further back
than a reference ranking of the same impressions does.

Some readers are harder to rank for, whatever ranks. Being behind is therefore told, and what a ranking adds to it is
what a guardrail holds it to (ADR 0013). Knows nothing of logs, of items or of how a page looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from feedrank.training.audit.behind import Contrast, group_against_rest, holm
from feedrank.training.audit.settings import AuditSettings, Guardrail
from feedrank.training.bootstrap import numbered
from feedrank.training.dataset import Dataset
from feedrank.training.metrics import PerImpression, judge
from feedrank.training.slices import Slicing
from feedrank.types import F64


@dataclass(frozen=True, slots=True)
class Reference:
    """Another ranking of the same entries, which tells how far a group lags whatever ranks."""

    name: str  # the champion's NAME@VERSION, or a baseline's
    scores: F64  # (n,)


@dataclass(frozen=True, slots=True)
class UserGroup:
    """How far a group's mean AUC is from the others', and how far from that it is under the reference.

    The p-values are corrected for all groups; NaN where the group is too small to judge.
    """

    grouping: str
    value: str
    impressions: int
    auc: float
    contrast: Contrast  # of AUC, the group's less the others'
    p: float  # of a difference this low in a group just `user_gap` behind
    added: Contrast  # `contrast` less the same under the reference, paired by impression
    p_added: float  # of both this low where the group is just `added_gap` behind, and just as much further than that

    def behind(self, settings: AuditSettings) -> bool:
        """Whether it is proven to be more than `user_gap` behind the others."""
        return self.p < settings.false_alarms

    @property
    def by_reference(self) -> float:
        """Its difference from the others under the reference."""
        return self.contrast.difference - self.added.difference

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
            "difference_by_reference": self.by_reference,
            "added": self.added.difference,
            "added_error": self.added.error,
            "p_added": self.p_added,
        }


def user_groups(
    dataset: Dataset, scores: F64, reference: Reference, slicings: Sequence[Slicing], settings: AuditSettings
) -> list[UserGroup]:
    """Each group of users against all others, by AUC over what was seen, under `scores` (n,) and beside the
    reference.
    """
    judged, part = _judged(dataset, scores)
    gained = judged.auc - _judged(dataset, reference.scores)[0].auc
    users = numbered([part.user_ids[i] for i in judged.index.tolist()])
    found: list[UserGroup] = []
    for slicing in slicings:
        group = slicing.group[judged.index]
        known = group >= 0
        for place in np.unique(group[known]).tolist():
            inside = (group == place) & known
            contrast, added = (
                group_against_rest(values[known], inside[known], users[known]) for values in (judged.auc, gained)
            )
            enough = contrast.users >= settings.fewest_users
            p = contrast.p_below(-settings.user_gap) if enough else float("nan")
            # Both must be proven: a group that is only less far ahead, since another catches up, is not set back.
            p_added = max(each.p_below(-settings.added_gap) for each in (contrast, added)) if enough else float("nan")
            impressions, auc = int(inside.sum()), float(judged.auc[inside].mean())
            found.append(UserGroup(slicing.name, slicing.values[place], impressions, auc, contrast, p, added, p_added))
    corrected = zip(holm([g.p for g in found]), holm([g.p_added for g in found]), strict=True)
    return [replace(group, p=p, p_added=p_added) for group, (p, p_added) in zip(found, corrected, strict=True)]


def user_guardrails(groups: Sequence[UserGroup], reference: str, settings: AuditSettings) -> list[Guardrail]:
    """One a grouping: the most that is added to a group's distance behind the others, failed if a group is proven to be
    behind by more than the limit, and to be so by more than the limit further than under the reference, which is named.
    """
    rails = []
    for name in dict.fromkeys(g.grouping for g in groups if g.p_added == g.p_added):
        tested = [g for g in groups if g.grouping == name and g.p_added == g.p_added]
        failed = [g for g in tested if g.p_added < settings.false_alarms]
        behind = [g for g in tested if g.contrast.difference < 0]
        worst = min(failed or behind or tested, key=lambda g: g.added.difference)
        name_of = f"AUC of {name} {worst.value} against the others', less that by {reference}"
        rails.append(Guardrail(name_of, worst.added.difference, -settings.added_gap, not failed))
    return rails


def _judged(dataset: Dataset, scores: F64) -> tuple[PerImpression, Dataset]:
    seen = dataset.judged()
    return judge(seen.labels, scores[dataset.seen], seen.offsets), seen
