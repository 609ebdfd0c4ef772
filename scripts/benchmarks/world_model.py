"""What a benchmark world has beside its log: a snapshot of item state, feature rows of its users, and trained rankers.

Rankers are trained on rows of this very world, so that their trees split where its values lie: on made-up rows most
splits would send every candidate the same way, and scoring would look cheaper than it is. Labels are a known mixture of
features with noise. Knows nothing of caches or of how the log came about.
"""

from collections.abc import Iterator, Sequence

import lightgbm
import numpy as np
from world_log import Progress

from feedrank import history as user_history
from feedrank.features import NAMES, compute, gather
from feedrank.history import NO_HISTORY, Profile, profile
from feedrank.registry import Registry
from feedrank.serving.live import Live
from feedrank.state import State
from feedrank.store import LogStore
from feedrank.types import F32, F64, I32, SECOND, Context, UserId

SAMPLED_USERS = 500
CANDIDATES = 60  # of each sampled user: half of what the user reads, half of anything
MIXED = 12  # features the labels are made of
CLICKED_SHARE = 0.1
LEAVES = 31
NAME = "bench"


def fold(store: LogStore, progress: Progress) -> Live:
    """Item state and vector indices at the end of the log; `progress` hears of records."""
    live = Live()
    at = 0
    while live.follow(store):
        progress(live.position - at)
        at = live.position
    return live


def profiles(store: LogStore, user_ids: Sequence[str], space: str) -> Iterator[Profile]:
    """What is known of each user."""
    for user_id in user_ids:
        yield profile(user_history.apply(NO_HISTORY, store.user_history(UserId(user_id)).records), space)


def sample_rows(store: LogStore, state: State, user_ids: Sequence[str], space: str, end: int, seed: int) -> F32:
    """Feature rows of up to SAMPLED_USERS users, CANDIDATES each, one user after another, (n, len(NAMES))."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(user_ids, min(SAMPLED_USERS, len(user_ids)), replace=False).tolist()
    now = end // SECOND * SECOND
    parts = []
    for known in profiles(store, chosen, space):
        rows = _candidates(state, known, rng)
        parts.append(compute(gather(state, rows, known, Context(), now, space)))
    return np.concatenate(parts)


def _candidates(state: State, known: Profile, rng: np.random.Generator) -> I32:
    """CANDIDATES distinct rows: first what shares a topic with the newest engagements, then anything."""
    topics = state.catalog.column("subcategory")
    mine = np.flatnonzero(np.isin(topics, topics[known.engaged_rows[-20:]]))
    near = rng.choice(mine, min(CANDIDATES // 2, len(mine)), replace=False)
    anything = rng.permutation(state.catalog.rows)[: 2 * CANDIDATES]
    both = np.concatenate([near, anything])
    _, first = np.unique(both, return_index=True)
    return both[np.sort(first)[:CANDIDATES]].astype(np.int32)


def labels_of(rows: F32, seed: int) -> I32:
    """Clicks, (n,): the most of a mixture of MIXED features' ranks and as much noise, CLICKED_SHARE of all rows."""
    rng = np.random.default_rng(seed)
    known = np.nan_to_num(rows, nan=-1.0)
    varying = np.flatnonzero(known.max(axis=0) > known.min(axis=0))
    mixed = rng.choice(varying, min(MIXED, len(varying)), replace=False)
    utility: F64 = rng.standard_normal(len(rows)) * np.sqrt(len(mixed) / 12.0)
    for j in mixed:
        order = np.argsort(np.nan_to_num(rows[:, j], nan=-np.inf), kind="stable")
        ranks = np.empty(len(rows))
        ranks[order] = np.linspace(0.0, 1.0, len(rows))
        utility += ranks
    return (utility > np.quantile(utility, 1.0 - CLICKED_SHARE)).astype(np.int32)


def train(registry: Registry, rows: F32, trees: int, space: str, seed: int) -> str:
    """Registers a ranker of `trees` trees with LEAVES leaves over all features; returns NAME@VERSION."""
    params = {"objective": "lambdarank", "num_leaves": LEAVES, "verbose": -1, "seed": seed, "num_threads": 1}
    params |= {"bagging_fraction": 0.8, "bagging_freq": 1, "min_data_in_leaf": 10}
    groups = [len(rows) // (len(rows) // CANDIDATES)] * (len(rows) // CANDIDATES)
    data = lightgbm.Dataset(rows, labels_of(rows, seed), group=groups)
    booster = lightgbm.train(params, data, num_boost_round=trees)
    golden = rows[np.linspace(0, len(rows) - 1, 64).astype(np.int64)]
    scores = np.asarray(booster.predict(golden, raw_score=True, num_threads=1), np.float64)
    return registry.publish(NAME, booster.model_to_string(), NAMES, space, golden, scores)
