"""The verdict, over a store whose items have learned vectors, and its page."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from feedrank.analysis.page import render
from feedrank.analysis.retrieval_report import retrieval_page
from feedrank.errors import InvalidInput
from feedrank.settings import Settings, SourceQuotas
from feedrank.store.sqlite import SqliteStore
from feedrank.training.learned.factors import FitSettings
from feedrank.training.learned.learn import Lesson, learn
from feedrank.training.retrieval.judge import Inquiry, RetrievalVerdict, as_json, judge_retrieval
from feedrank.training.retrieval.stream import SOURCES
from feedrank.types import HOUR, Action, Event, UserId
from tests.news_stream import T0, news_stream
from tests.unit.training.retrieval.conftest import START, UNTIL

INQUIRY = Inquiry(START, UNTIL, 20, 80, 1, SourceQuotas(interest=5, similar=5, trending=6, fresh=4, followed=2), "auto")


@pytest.fixture(scope="module")
def learned_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    """The small news world with vectors of every twelfth hour."""
    data_dir = tmp_path_factory.mktemp("learned")
    news_stream().write(data_dir)
    store = SqliteStore.open(data_dir, Settings())
    learn(store, Lesson("reads", UNTIL, 12 * HOUR, FitSettings(dimensions=8, min_weight=1.0)))
    yield store
    store.close()


@pytest.fixture(scope="module")
def verdict(learned_store: SqliteStore) -> RetrievalVerdict:
    return judge_retrieval(learned_store, INQUIRY)


def test_learned_vectors_are_a_source_of_their_own(verdict: RetrievalVerdict) -> None:
    assert verdict.space == "reads"
    interest = verdict.sources[SOURCES.index("interest")]
    assert interest.brought > 10
    assert 0.0 < interest.at[20] <= verdict.any_source


def test_figures_fit_together(verdict: RetrievalVerdict) -> None:
    assert verdict.judged + verdict.repeats == verdict.drawn == 80
    assert verdict.clicks > 80
    assert verdict.together.low <= verdict.together.mean <= verdict.together.high <= verdict.any_source + 0.2
    for source in verdict.sources:
        assert list(source.at) == [10, 20]
        assert source.at[10] <= source.at[20] == source.alone.mean <= verdict.any_source
        assert source.only.mean <= source.alone.mean
    served = verdict.splits[0]
    assert (served.name, served.quotas, served.recall) == ("served", INQUIRY.quotas, verdict.together)
    assert (served.against_served.mean, served.against_served.low, served.against_served.high) == (0, 0, 0)
    for split in verdict.splits[1:]:
        assert split.against_served.mean == pytest.approx(split.recall.mean - verdict.together.mean)
    by_group = sum(s.clicks * s.together.mean for s in verdict.slices if "item" in s.name)
    assert by_group / verdict.judged == pytest.approx(verdict.together.mean)


def test_a_source_left_out_costs_what_the_union_loses(learned_store: SqliteStore, verdict: RetrievalVerdict) -> None:
    fewer = INQUIRY.quotas.model_copy(update={"similar": 0})  # nothing of it fills the union beyond its quota
    other = judge_retrieval(learned_store, replace(INQUIRY, quotas=fewer))
    lost = verdict.sources[SOURCES.index("similar")].lost.mean
    assert lost == pytest.approx(verdict.together.mean - other.together.mean)


def test_the_page_and_the_json_say_what_the_verdict_says(verdict: RetrievalVerdict) -> None:
    text = render(retrieval_page(verdict, "data"))
    assert f"{verdict.together.mean:.1%}" in text
    assert "grid 1" in text
    values = as_json(verdict)
    assert values["recall"][0] == verdict.together.mean
    assert set(values["sources"]) == set(SOURCES)
    assert len(values["quotas"]) == len(verdict.splits)


def test_clicks_on_items_read_before_are_not_judged(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, Settings())
    times = np.arange(6) * HOUR + T0
    ids = ("a", "b", "a", "a", "b", "c")
    events = [
        Event(f"e{n}", UserId("u"), int(at), Action.CLICK, item_id)
        for n, (at, item_id) in enumerate(zip(times, ids, strict=True))
    ]
    store.append_events(events, None)
    store.set_setting("serve_unlisted_items", "true")
    found = judge_retrieval(store, Inquiry(T0, T0 + 9 * HOUR, 10, 99, 1, SourceQuotas(), ""))
    assert (found.drawn, found.repeats, found.judged, found.unnamed) == (6, 3, 3, 3)
    assert found.together.mean == 0.0  # nothing had named them before
    with pytest.raises(InvalidInput, match="read before"):
        judge_retrieval(store, Inquiry(T0 + 2 * HOUR, T0 + 5 * HOUR, 10, 99, 1, SourceQuotas(), ""))
    store.close()
