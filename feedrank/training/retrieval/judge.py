"""From the log to a verdict on retrieval: read, draw clicks, play back, count.

Knows nothing of terminals or of pages.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.settings import SourceQuotas
from feedrank.store import LogStore
from feedrank.store.data_settings import load_data_settings
from feedrank.training.bootstrap import Interval, intervals, numbered
from feedrank.training.facts import read_facts
from feedrank.training.period import choose_space
from feedrank.training.retrieval.moments import draw
from feedrank.training.retrieval.quotas import best_splits, extremes
from feedrank.training.retrieval.recall import alone, only, ranks, together, without
from feedrank.training.retrieval.slices import slices
from feedrank.training.retrieval.stream import SOURCES, Conditions, Found, retrieve_all
from feedrank.training.train import Watch, unwatched
from feedrank.types import F64, I64, Bools, Micros

DEPTHS = (10, 20, 50, 100, 200, 500)
BEST = 3  # splits of the grid that are judged by the union itself; the next ones differ by less than chance


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Which clicks to judge retrieval by, how many of them, and how the past is seen."""

    start: Micros
    until: Micros
    k: int
    sample: int
    seed: int
    quotas: SourceQuotas
    space: str
    counter_delay: Micros = 0
    answering: bool = False  # only clicks that answer a view


@dataclass(frozen=True, slots=True)
class SourceRecall:
    """What one source brings."""

    name: str
    at: dict[int, float]  # recall by depth, alone
    alone: Interval  # at the greatest depth
    only: Interval  # clicks no other source has at that depth
    lost: Interval  # recall of the union lost without it, its places left to the others
    brought: float  # candidates, in the mean
    milliseconds: float  # a retrieval, in the mean


@dataclass(frozen=True, slots=True)
class Split:
    """A choice of quotas and what the union under it holds."""

    name: str
    quotas: SourceQuotas
    recall: Interval
    against_served: Interval  # on the same clicks
    candidates: float  # in the mean


@dataclass(frozen=True, slots=True)
class Slice:
    """A group of clicks."""

    name: str
    clicks: int
    together: Interval
    alone: dict[str, float]  # by source, at the greatest depth


@dataclass(frozen=True, slots=True)
class RetrievalVerdict:
    """Recall of the next click. All figures are of clicks on items the user had not read before."""

    inquiry: Inquiry
    space: str
    clicks: int  # in the period
    drawn: int
    repeats: int  # of the drawn, on items read or hidden before: the feed leaves those out
    unnamed: int  # of the judged, on items no earlier record names: out of any source's reach
    together: Interval
    candidates: float
    any_source: float  # what all sources to depth k hold together: the most any quotas could
    sources: tuple[SourceRecall, ...]
    splits: tuple[Split, ...]  # the served one first, then the best of the grid, then extremes
    slices: tuple[Slice, ...]

    @property
    def judged(self) -> int:
        """How many clicks the figures are of."""
        return self.drawn - self.repeats


def judge_retrieval(store: LogStore, inquiry: Inquiry, watch: Watch = unwatched) -> RetrievalVerdict:
    """Judges every source and their union. InvalidInput where the period has no click on an item new to its user."""
    facts = read_facts(store, inquiry.until, watch("reading the log", store.position()))
    space = choose_space(facts, inquiry.space)
    drawn = draw(facts, inquiry.start, inquiry.until, inquiry.sample, inquiry.seed, inquiry.answering)
    unlisted = load_data_settings(store).serve_unlisted_items
    conditions = Conditions(inquiry.k, inquiry.counter_delay, space, unlisted)
    playing = watch("playing back", len(drawn.moments))
    everything = retrieve_all(store, facts, drawn.moments, conditions, time.perf_counter, playing)
    fresh = ~everything.read_before
    if not fresh.any():
        raise InvalidInput("every click of the period is on an item its user had read before: there is nothing to find")
    users = numbered([moment.user_id for moment in drawn.moments])[fresh]
    return _verdict(inquiry, space, drawn.clicks, len(drawn.moments), everything.take(fresh), users, watch)


def _verdict(
    inquiry: Inquiry, space: str, clicks: int, drawn: int, found: Found, users: I64, watch: Watch
) -> RetrievalVerdict:
    tried = {
        **{f"grid {i + 1}": quotas for i, quotas in enumerate(best_splits(found, inquiry.k, BEST))},
        **extremes(found, inquiry.k),
    }
    counting = watch("counting", 1 + len(SOURCES) + len(tried))

    def union_of(quotas: SourceQuotas, of: Found = found) -> tuple[Bools, float]:
        hit, count = together(of, quotas, inquiry.k)
        counting(1)
        return hit, float(count.mean())

    union_hit, candidates = union_of(inquiry.quotas)
    places = ranks(found)
    hits = alone(places, inquiry.k)
    lost = np.stack([union_hit * 1.0 - union_of(inquiry.quotas, without(found, name))[0] for name in SOURCES], axis=1)
    sure = intervals(np.concatenate([hits, only(hits), lost], axis=1).astype(np.float64), users, inquiry.seed)
    n = len(SOURCES)
    brought = (found.lists >= 0).sum(axis=2).mean(axis=0)
    sources = tuple(
        SourceRecall(
            name,
            {k: float(alone(places, k)[:, s].mean()) for k in DEPTHS if k <= inquiry.k},
            sure[s],
            sure[n + s],
            sure[2 * n + s],
            float(brought[s]),
            1e3 * found.seconds[name],
        )
        for s, name in enumerate(SOURCES)
    )
    chosen = {"served": inquiry.quotas, **tried}
    outcomes = [(union_hit, candidates), *(union_of(quotas) for quotas in tried.values())]
    return RetrievalVerdict(
        inquiry,
        space,
        clicks,
        drawn,
        drawn - len(users),
        int((found.age < 0).sum()),
        _interval(union_hit, users, inquiry.seed),
        candidates,
        float(hits.any(axis=1).mean()),
        sources,
        _splits(chosen, outcomes, users, inquiry.seed),
        _slices(found, union_hit, hits, users, inquiry.seed),
    )


def _splits(
    chosen: Mapping[str, SourceQuotas], outcomes: Sequence[tuple[Bools, float]], users: I64, seed: int
) -> tuple[Split, ...]:
    hits = np.stack([hit for hit, _ in outcomes], axis=1).astype(np.float64)
    sure = intervals(np.concatenate([hits, hits - hits[:, :1]], axis=1), users, seed)
    n = len(chosen)
    return tuple(
        Split(name, quotas, sure[i], sure[n + i], outcomes[i][1]) for i, (name, quotas) in enumerate(chosen.items())
    )


def _slices(found: Found, union_hit: Bools, hits: Bools, users: I64, seed: int) -> tuple[Slice, ...]:
    return tuple(
        Slice(
            name,
            int(mask.sum()),
            _interval(union_hit[mask], users[mask], seed),
            dict(zip(SOURCES, hits[mask].mean(axis=0).tolist(), strict=True)),
        )
        for name, mask in slices(found)
    )


def _interval(hit: Bools, users: I64, seed: int) -> Interval:
    column: F64 = hit.astype(np.float64)[:, None]
    return intervals(column, users, seed)[0]


def as_json(verdict: RetrievalVerdict) -> dict[str, Any]:
    """The verdict for machines: intervals as [mean, low, high]."""
    return {
        "space": verdict.space,
        "clicks": verdict.clicks,
        "judged": verdict.judged,
        "repeats": verdict.repeats,
        "unnamed": verdict.unnamed,
        "k": verdict.inquiry.k,
        "recall": _ends(verdict.together),
        "candidates": verdict.candidates,
        "any_source": verdict.any_source,
        "sources": {
            s.name: {
                "recall@": {str(k): value for k, value in s.at.items()},
                "alone": _ends(s.alone),
                "only": _ends(s.only),
                "lost_without": _ends(s.lost),
                "candidates": s.brought,
                "milliseconds": s.milliseconds,
            }
            for s in verdict.sources
        },
        "quotas": [
            {
                "name": split.name,
                **split.quotas.model_dump(),
                "recall": _ends(split.recall),
                "against_served": _ends(split.against_served),
                "candidates": split.candidates,
            }
            for split in verdict.splits
        ],
        "slices": {s.name: {"clicks": s.clicks, "recall": _ends(s.together), "alone": s.alone} for s in verdict.slices},
    }


def _ends(interval: Interval) -> list[float]:
    return [interval.mean, interval.low, interval.high]
