"""Requests to measure mitigation on: a log's impressions, or, of a simulated world, whole choices of articles.

Knows nothing of selectors or of what is measured.
"""

import json
from collections.abc import Iterator

import numpy as np

from feedrank.analysis.mitigation import Trial
from feedrank.features import Raw, compute
from feedrank.pipeline.stages import Query, Scorer
from feedrank.simulator import Truth, World, WorldSettings
from feedrank.simulator.write import SETTING
from feedrank.state import Catalog, State, apply
from feedrank.store import LogStore
from feedrank.training.period import Period
from feedrank.training.replay import Impression, replay_impressions, visible_times
from feedrank.types import F64, SECOND, Micros

PLACES = 20  # a page


def world_of(store: LogStore) -> World | None:
    """The simulated world a data directory holds, if it is one."""
    text = store.get_setting(SETTING)
    return None if text is None else World.build(WorldSettings(**json.loads(text)))


def final_catalog(period: Period, counter_delay: Micros) -> Catalog:
    """The catalog at the end of the log, its words numbered as in a replay of the same delay."""
    state = State()
    order = np.argsort(visible_times(period.facts, counter_delay), kind="stable")
    apply(state, [period.facts[i] for i in order.tolist()])
    return state.catalog


def impression_trials(period: Period, scorer: Scorer, counter_delay: Micros) -> Iterator[Trial]:
    """One an imported impression: its items, what was clicked being relevant."""
    examples = sorted((e for e in period.examples if e.slate is None), key=lambda e: e.impression.time)
    impressions = [e.impression for e in examples]
    raws = replay_impressions(period.facts, impressions, counter_delay, period.space)
    for example, raw in zip(examples, raws, strict=True):
        kept = raw.take(example.kept.astype(np.int64))
        yield _trial(example.impression, kept, scorer, example.labels.astype(np.float64))


def world_trials(
    world: World, store: LogStore, period: Period, scorer: Scorer, counter_delay: Micros, most: int
) -> Iterator[Trial]:
    """One an impression of a simulated world, at most `most` evenly over the period: all articles the reader might have
    been shown then, the probability of a click once examined being relevant.
    """
    truth = Truth(world)
    examples = sorted((e for e in period.examples if e.slate is None), key=lambda e: e.impression.time)
    step = max(1, len(examples) // most)
    asked: list[Impression] = []
    relevance: list[F64] = []
    for example in examples[::step]:
        asks = example.impression
        user = world.user_number(asks.user_id)
        live = world.live_items(user, asks.time)
        rows = store.rows_of([world.item_ids[number] for number in live.tolist()])
        known = [i for i, row in enumerate(rows) if row is not None]
        candidates = tuple(row for row in rows if row is not None)
        asked.append(Impression(asks.request_id, asks.user_id, asks.time, candidates, world.context(user)))
        relevance.append(truth.attraction(user, live[known], asks.time))
    raws = replay_impressions(period.facts, asked, counter_delay, period.space)
    for impression, gains, raw in zip(asked, relevance, raws, strict=True):
        yield _trial(impression, raw, scorer, gains)


def _trial(impression: Impression, raw: Raw, scorer: Scorer, relevance: F64) -> Trial:
    now = impression.time // SECOND * SECOND
    query = Query(impression.request_id, impression.user_id, PLACES, now, seed=0, context=impression.context)
    margins = scorer.score(compute(raw, scorer.features))["margin"]
    return Trial(query, raw, np.asarray(margins, np.float64), relevance)
