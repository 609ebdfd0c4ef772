"""The feed selector: fills places one by one under pins, caps, exposure floors, diversity, calibration and exploration.

Place by place: a pinned item if one is due; else what the filling picks from the candidates that caps and floors allow
there: the one of highest marginal relevance, one drawn by exploration, or the next pick of two teams. The propensity of
what stands in a place is its probability given those above it: 1 where nothing was drawn. Randomness comes from the
query's seed alone. Knows nothing of how scores came about.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from feedrank.features import Raw
from feedrank.pipeline.margins import RIVAL
from feedrank.pipeline.rules import Rule, Ruleset
from feedrank.pipeline.selectors.calibration import NONE, calibrated
from feedrank.pipeline.selectors.exploration import exploring
from feedrank.pipeline.selectors.filling import Pick
from feedrank.pipeline.selectors.floors import exposure_floors, narrowed
from feedrank.pipeline.selectors.interleaving import TeamDraft, rival_scores
from feedrank.pipeline.selectors.mmr import Diversity
from feedrank.pipeline.stages import Candidates, Query, Scores, Selection
from feedrank.settings import SelectorSettings
from feedrank.state import CODED, Catalog
from feedrank.types import F64, I32, Bools


@dataclass(frozen=True, slots=True)
class _Cap:
    """At most `most` items of each group among the places; -1 marks candidates the cap is not about."""

    groups: I32  # (n,)
    most: int
    served: Mapping[int, int]  # how many of each group the feed's earlier pages hold

    def is_full(self, group: int, order: list[int]) -> bool:
        """Whether no more of a group may stand, after the places in `order`."""
        return int((self.groups[order] == group).sum()) + self.served.get(group, 0) >= self.most


@dataclass(frozen=True, slots=True)
class FeedSelector:
    """Orders one request's candidates."""

    settings: SelectorSettings
    rules: Ruleset
    catalog: Catalog
    team_names: tuple[str, ...] = ()  # two: an interleaved feed, of scorers that are a pair

    def select(self, query: Query, candidates: Candidates, raw: Raw, scores: Scores) -> Selection:
        """At most `query.limit` places, best first, with propensities (m,) float32."""
        n, free = len(candidates.rows), bool(query.candidate_ids)
        ranked = np.argsort(-scores.final, kind="stable").astype(np.int32)
        first_place = len(query.served_before) + 1
        pins = self._pins(query, candidates, first_place)
        caps = self._caps(query, raw)
        diversity = self._diversity(query, raw, scores.final, ranked)
        floors = () if free else exposure_floors(self.settings, query, raw, self.catalog)
        teams = self.team_names if RIVAL in scores.columns else ()  # a scorer that failed leaves no rival
        filling = (
            TeamDraft(diversity, self._rival(query, raw, scores), query.seed)
            if teams
            else exploring(self.settings, query, ranked, diversity)
        )
        allowed = np.ones(n, np.bool_)
        allowed[list(pins.values())] = False  # a pinned item waits for its place
        for cap in caps:
            full = [group for group in np.unique(cap.groups).tolist() if group >= 0 and cap.is_full(group, [])]
            allowed[np.isin(cap.groups, full)] = False
        order: list[int] = []
        picks: list[Pick] = []
        for place in range(first_place, first_place + min(query.limit, n)):
            pinned = pins.get(place)
            pick = Pick(pinned) if pinned is not None else filling.pick(place, narrowed(floors, place, allowed))
            if pick.chosen < 0:
                pick = Pick(next((i for p, i in sorted(pins.items()) if p > place and i not in order), -1))
                if pick.chosen < 0:
                    break
            order.append(pick.chosen)
            picks.append(pick)
            allowed[pick.chosen] = False
            filling.stand(pick.chosen)
            for floor in floors:
                floor.place(pick.chosen)
            for cap in caps:
                self._enforce(cap, order, allowed)
        return Selection(
            np.array(order, np.int32),
            np.array([p.propensity for p in picks], np.float32),
            np.array([p.drawn for p in picks], np.bool_),
            np.array([p.team for p in picks] if teams else [], np.int32),
            teams,
        )

    def _diversity(self, query: Query, raw: Raw, final: F64, ranked: I32) -> Diversity:
        """Marginal relevance by one set of scores; by the scores alone where the caller chose the candidates."""
        if query.candidate_ids:
            return Diversity(raw, final, ranked, 0.0, NONE)
        calibration = calibrated(self.settings, query, raw, self.catalog)
        return Diversity(raw, final, ranked, self.settings.diversity, calibration)

    def _rival(self, query: Query, raw: Raw, scores: Scores) -> Diversity:
        """The second team's view of the candidates."""
        final = rival_scores(scores)
        return self._diversity(query, raw, final, np.argsort(-final, kind="stable").astype(np.int32))

    def _pins(self, query: Query, candidates: Candidates, first_place: int) -> dict[int, int]:
        """Candidate index by pinned place, from `first_place` on; the first rule wins a place."""
        pins: dict[int, int] = {}
        rules = self.rules.ruling(query, "pin")
        index = {row: i for i, row in enumerate(candidates.rows.tolist())} if rules else {}
        for rule in rules:
            rows = (self.catalog.row_of.get(item_id, -1) for item_id in rule.items.item_ids)
            found = next((index[row] for row in rows if row in index and index[row] not in pins.values()), None)
            if found is not None and rule.position is not None and rule.position >= first_place:
                pins.setdefault(rule.position, found)
        return pins

    def _caps(self, query: Query, raw: Raw) -> Sequence[_Cap]:
        return [self._cap(rule, query, raw) for rule in self.rules.ruling(query, "cap")]

    def _cap(self, rule: Rule, query: Query, raw: Raw) -> _Cap:
        column = rule.per or "source"
        codes = raw.items.codes[:, CODED.index(column)]
        about = rule.items.match(self.catalog, raw) & (codes > 0)  # items without a source have none to cap
        known = (self.catalog.row_of.get(item_id) for item_id in query.served_before)
        rows = np.array([row for row in known if row is not None], np.int32)
        rows = rows[rule.items.match_rows(self.catalog, rows, query.now)]
        served = Counter(self.catalog.columns[column][rows].tolist())
        return _Cap(np.where(about, codes, -1).astype(np.int32), rule.max or 0, served)

    def _enforce(self, cap: _Cap, order: list[int], allowed: Bools) -> None:
        group = int(cap.groups[order[-1]])
        if group >= 0 and cap.is_full(group, order):
            allowed[cap.groups == group] = False
