"""Exposure of groups of items: the attention they get beside what they supply, and beside what their quality merits.

A group's merit is its share of each request's candidates, each candidate weighing its smoothed engagement; exposure in
proportion to merit is the standard of Singh, Joachims (KDD 2018) and Biega et al. (SIGIR 2018). Knows nothing of models
or of how a list was made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedrank.training.audit.behind import group_against_zero, holm
from feedrank.training.audit.divergence import group_shares
from feedrank.training.audit.item_groups import ItemGrouping
from feedrank.training.audit.lists import NOTHING, Lists
from feedrank.training.audit.measures import attention, shares
from feedrank.training.audit.settings import AuditSettings, Guardrail
from feedrank.training.bootstrap import Interval, intervals, numbered
from feedrank.types import F64


@dataclass(frozen=True, slots=True)
class GroupExposure:
    """One group's mean share of the candidates, of the candidates by quality, and of attention."""

    grouping: str
    value: str
    items: int  # distinct ones among the candidates
    supply: float
    merit: float  # quality-weighted supply
    exposure: Interval  # 95% over users
    guarded: bool
    p: float  # that exposure reaches the floor; Holm-corrected; NaN if not guarded, or offered to too few users

    @property
    def ratio(self) -> float:
        """Exposure by merit: 1 is proportional."""
        return self.exposure.mean / self.merit if self.merit > 0 else float("nan")

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "grouping": self.grouping,
            "value": self.value,
            "items": self.items,
            "supply": self.supply,
            "quality_weighted_supply": self.merit,
            "exposure": self.exposure.mean,
            "exposure_95": [self.exposure.low, self.exposure.high],
            "ratio": self.ratio,
            "guarded": self.guarded,
            "p": self.p,
        }


def group_exposures(
    lists: Lists, groupings: Sequence[ItemGrouping], quality: F64, settings: AuditSettings, seed: int = 1
) -> list[GroupExposure]:
    """Every group of every grouping. `quality` (rows,) is the smoothed engagement of each catalog row."""
    users = numbered(lists.user_ids)
    owner = lists.owners()
    found: list[GroupExposure] = []
    for grouping in groupings:
        groups = len(grouping.values)
        of_pool = grouping.assign(lists.pool, lists.times[owner])
        supply = np.nan_to_num(group_shares(owner, of_pool, np.ones(len(owner)), len(lists), groups))
        merit = np.nan_to_num(group_shares(owner, of_pool, quality[lists.pool], len(lists), groups))
        exposed = _exposed(lists, grouping)
        spans = intervals(exposed, users, seed)
        for place, value in enumerate(grouping.values):
            items = len(np.unique(lists.pool[of_pool == place]))
            if not items:
                continue
            guarded = _is_guarded(grouping.name, value, settings)
            offered = merit[:, place] > 0  # requests that had none of the group to show say nothing of it
            gaps = (exposed - settings.exposure_floor * merit)[offered, place]
            shortfall = group_against_zero(gaps, users[offered])
            judged = guarded and shortfall.users >= settings.fewest_users
            p = shortfall.p_below(0.0) if judged else float("nan")
            means = float(supply[:, place].mean()), float(merit[:, place].mean())
            found.append(GroupExposure(grouping.name, value, items, *means, spans[place], guarded, p))
    corrected = holm([each.p for each in found])
    return [
        GroupExposure(e.grouping, e.value, e.items, e.supply, e.merit, e.exposure, e.guarded, p)
        for e, p in zip(found, corrected, strict=True)
    ]


def exposure_guardrails(exposures: Sequence[GroupExposure], settings: AuditSettings) -> list[Guardrail]:
    """One a grouping that has judged groups: the lowest ratio among them, failed if any is proven below the floor."""
    rails = []
    judged = [e for e in exposures if e.p == e.p]
    for name in dict.fromkeys(e.grouping for e in judged):
        group = [e for e in judged if e.grouping == name]
        failed = [e for e in group if e.p < settings.false_alarms]
        worst = min(failed or group, key=lambda e: e.ratio)
        rails.append(Guardrail(f"exposure of {name} {worst.value}", worst.ratio, settings.exposure_floor, not failed))
    return rails


def _is_guarded(grouping: str, value: str, settings: AuditSettings) -> bool:
    return grouping in settings.guarded or f"{grouping}: {value}" in settings.guarded


def _exposed(lists: Lists, grouping: ItemGrouping) -> F64:
    inside = lists.top != NOTHING
    owner = np.nonzero(inside)[0].astype(np.int64)
    group = grouping.assign(lists.top[inside], lists.times[owner])
    weights = shares(lists.top, attention())[inside]
    return np.nan_to_num(group_shares(owner, group, weights, len(lists), len(grouping.values)))
