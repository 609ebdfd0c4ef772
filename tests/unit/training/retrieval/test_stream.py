"""Playing the log back: the same candidates as a fold of the past alone gives, and none that the future changed."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedrank import history, recipes
from feedrank.history import NO_HISTORY, profile
from feedrank.pipeline import lists
from feedrank.pipeline.rules import NO_RULES
from feedrank.pipeline.scorers import PriorScorer
from feedrank.pipeline.stages import Query, Reader
from feedrank.records import EventRecorded, Fact
from feedrank.settings import SourceQuotas
from feedrank.state import State, apply
from feedrank.store.sqlite import SqliteStore
from feedrank.training.retrieval.moments import Moment, draw
from feedrank.training.retrieval.stream import SOURCES, Found
from feedrank.types import SECOND, Action
from feedrank.user_records import session_key, user_record
from tests.unit.training.retrieval.conftest import START, UNTIL


def by_hand(store: SqliteStore, facts: Sequence[Fact], moment: Moment) -> tuple[np.ndarray, int, int]:
    """All sources' lists (len(SOURCES), 50), the length of the history and the place in the session, from scratch."""
    past = [fact for fact in facts if fact.visible_at(0) < moment.time]
    past.sort(key=lambda fact: (fact.visible_at(0), fact.offset))
    state, lock = State(), threading.Lock()
    apply(state, past)
    records = [
        record
        for fact in past
        if isinstance(fact, EventRecorded) and fact.event.user_id == moment.user_id
        if (record := user_record(fact)) is not None
    ]
    known = profile(history.apply(NO_HISTORY, records), "")
    made = lists.build(state, moment.time, False)
    parts = recipes.Parts(store, state, lock, None, made, NO_RULES, PriorScorer(), "", lambda *observed: None)
    quotas = SourceQuotas(**dict.fromkeys(SOURCES, 50))
    now = moment.time // SECOND * SECOND
    query = Query("", moment.user_id, 1, now, 0, context=moment.context)
    out = np.full((len(SOURCES), 50), -1, np.int32)
    for source in recipes.sources(quotas, 50, parts):
        rows = source.retrieve(query, Reader(known, np.empty((0, 0), np.float32), 0)).rows[:50]
        out[SOURCES.index(source.name), : len(rows)] = rows
    session = session_key(moment.context.session_id)
    same = sum(s == session for s in known.engaged_sessions.tolist()) + 1 if session else 0
    return out, len(known.engaged_rows), same


def test_every_list_is_what_a_fold_of_the_past_alone_gives(
    news_store: SqliteStore, facts: list[Fact], play: Callable[..., Found]
) -> None:
    moments = draw(facts, START, UNTIL, 12, seed=1).moments
    found = play(facts, moments)
    assert (found.lists[:, SOURCES.index("similar")] >= 0).any()
    for i, moment in enumerate(moments):
        expected, read, place = by_hand(news_store, facts, moment)
        np.testing.assert_array_equal(found.lists[i], expected)
        assert (found.history[i], found.place_in_session[i], found.clicked[i]) == (read, place, moment.row)


def test_sources_are_in_the_order_of_the_recipe(news_store: SqliteStore) -> None:
    state = State()
    made = lists.build(state, 0, False)

    class Nothing:
        def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
            raise AssertionError("nobody searches here")

    parts = recipes.Parts(
        news_store, state, threading.Lock(), Nothing(), made, NO_RULES, PriorScorer(), "", lambda *observed: None
    )
    assert tuple(source.name for source in recipes.sources(SourceQuotas(), 10, parts)) == SOURCES


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nothing_at_or_after_a_click_changes_what_was_retrieved_for_it(
    data: st.DataObject, facts: list[Fact], play: Callable[..., Found]
) -> None:
    moments = draw(facts, START, UNTIL, 10, seed=1).moments
    last = data.draw(st.integers(0, len(moments) - 1))
    cut = moments[last].time
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    changed: list[Fact] = []
    for fact in facts:
        if isinstance(fact, EventRecorded) and fact.time >= cut and fact.action != Action.VIEW:
            if rng.random() < 0.7:  # the rest is gone
                row = int(rng.integers(0, 200))
                changed.append(replace(fact, rows=(row,), previous=(int(rng.integers(0, 200)),)))
        else:
            changed.append(fact)
    found, planted = play(facts, moments), play(changed, moments)
    for i in range(last + 1):
        np.testing.assert_array_equal(found.lists[i], planted.lists[i])
    np.testing.assert_array_equal(found.history[: last + 1], planted.history[: last + 1])
    np.testing.assert_array_equal(found.age[: last + 1], planted.age[: last + 1])
