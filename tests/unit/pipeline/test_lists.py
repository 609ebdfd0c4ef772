"""Shared lists against a full scoring and sorting of every item."""

import numpy as np
import pytest

from feedrank.pipeline import lists
from feedrank.pipeline.lists import TRENDS_FOR, trend_scores
from feedrank.state import State, decay
from feedrank.types import DAY, HOUR, I32, Bools, Micros

NOW: Micros = 1_700_000_000_000_000


def state_of(items: int, seed: int) -> tuple[State, Bools]:
    """A catalog of which a tenth was read lately, and which rows may be served."""
    rng = np.random.default_rng(seed)
    state = State()
    state.catalog.ensure(items - 1)
    state.items.resize(items)
    state.overall.resize(1)
    columns = state.catalog.columns
    first_seen = NOW - rng.integers(0, 30 * DAY, items)
    columns["first_seen"][:items] = first_seen
    columns["published_at"][:items] = np.where(rng.random(items) < 0.8, first_seen - HOUR, 0)
    columns["published_at"][:3] = NOW + HOUR  # not yet
    columns["expires_at"][:items] = np.where(rng.random(items) < 0.1, NOW - 1, 0)
    columns["deleted"][:items] = rng.random(items) < 0.1
    columns["listed"][:items] = ~columns["deleted"][:items]
    columns["category"][:items] = rng.integers(0, 6, items)
    read = rng.random(items) < 0.1
    columns["last_click"][:items] = np.where(read, NOW - rng.integers(0, 2 * DAY, items), NOW - 2 * TRENDS_FOR)
    state.items.advance(NOW)
    times = columns["last_click"][:items][read].astype(np.int64)
    rows = np.flatnonzero(read).astype(np.int32)
    amounts = rng.integers(1, 40, len(rows)).astype(float)
    state.items.add(
        rows,
        np.full(len(rows), 2, np.int32),
        amounts[:, None] * decay.growths(times.tolist(), state.items.landmarks, state.items.half_lives),
    )
    servable = columns["listed"][:items] & (columns["expires_at"][:items] == 0)
    servable[:3] = False
    return state, servable


@pytest.mark.parametrize("items", [1, 40, 3_000, 60_000])
def test_lists_are_those_of_a_full_sort(items: int) -> None:
    state, servable = state_of(items, seed=items)
    columns = state.catalog.columns
    made = lists.build(state, NOW, serve_unlisted=False)
    rows: I32 = np.flatnonzero(servable).astype(np.int32)
    appeared = np.where(columns["published_at"][rows] > 0, columns["published_at"][rows], columns["first_seen"][rows])
    assert made.newest.tolist() == rows[np.argsort(-appeared, kind="stable")][: lists.NEWEST_KEPT].tolist()
    assert made.newest_at.tolist() == sorted(appeared.tolist(), reverse=True)[: lists.NEWEST_KEPT]
    scores = trend_scores(state, rows, NOW)
    read = columns["last_click"][rows] > NOW - TRENDS_FOR
    best = rows[read][np.argsort(-scores[read], kind="stable")]
    ranked = [*best.tolist(), *(row for row in made.newest.tolist() if columns["last_click"][row] <= NOW - TRENDS_FOR)]
    assert made.trending.tolist() == ranked[: lists.TRENDING_KEPT]
    assert (np.diff(made.trend[: len(best)]) <= 0).all()
    for category, listed in made.by_category.items():
        mine = [row for row in ranked if columns["category"][row] == category]
        assert listed.tolist() == mine[: lists.TRENDING_PER_GROUP]
    assert 0 not in made.by_category
