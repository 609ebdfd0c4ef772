"""Learned vectors in the log: when they land, what they are fitted on, and that replay shows them to no earlier day."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from feedrank.errors import InvalidInput
from feedrank.records import VectorLanded
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.training.facts import read_facts
from feedrank.training.learned.factors import FitSettings
from feedrank.training.learned.learn import Lesson, instants, learn, learned_hash
from feedrank.training.period import AUTO_SPACE, choose_space, read_period
from feedrank.training.replay import replay_impressions
from feedrank.types import DAY, F32, HOUR, SECOND, Action, Event, UserId
from tests.news_stream import T0, news_stream

SMALL = FitSettings(dimensions=8, min_weight=1.0)


@pytest.fixture
def open_stream(tmp_path: Path) -> Iterator[Callable[..., SqliteStore]]:
    """`open_stream(name)`: a store of its own with the small news world."""
    opened = []

    def open_stream(name: str = "data", vectors: Mapping[str, F32] | None = None) -> SqliteStore:
        stream = news_stream(impressions=600)
        store = SqliteStore.open(tmp_path / name, Settings())
        opened.append(store)
        store.append_items([replace(item, vectors=vectors or {}) for item in stream.items], None)
        store.append_events(stream.events, None)
        return store

    yield open_stream
    for store in opened:
        store.close()


def landed(store: SqliteStore, space: str = "reads") -> list[VectorLanded]:
    return [fact for fact in read_facts(store) if isinstance(fact, VectorLanded) and fact.space == space]


def test_fits_are_due_at_each_midnight_and_at_the_end() -> None:
    assert instants(T0 + HOUR, T0 + 50 * HOUR, DAY, 0) == (T0 + DAY, T0 + 2 * DAY, T0 + 50 * HOUR)
    assert instants(T0 + HOUR, T0 + 2 * DAY, DAY, 0) == (T0 + DAY, T0 + 2 * DAY)
    assert instants(T0 + HOUR, T0 + 2 * DAY, DAY, T0 + DAY) == (T0 + 2 * DAY,)
    assert instants(T0 + HOUR, T0 + 2 * DAY, 0, 0) == (T0 + 2 * DAY,)


def test_every_night_lands_once_as_a_record_of_its_instant(open_stream: Callable[..., SqliteStore]) -> None:
    store = open_stream()
    lesson = Lesson("reads", T0 + 3 * DAY, DAY, SMALL)
    done = learn(store, lesson)
    assert [fit.at for fit in done] == [T0 + DAY, T0 + 2 * DAY, T0 + 3 * DAY]
    facts = landed(store)
    assert sum(fit.items for fit in done) == len(facts) > 0
    assert {fact.time for fact in facts} == {fit.at for fit in done}
    assert all(fact.imported and fact.received_at == fact.time and fact.story_row == fact.row for fact in facts)
    assert learn(store, lesson) == ()
    (later,) = learn(store, Lesson("reads", None, DAY, SMALL))
    assert later.kept_axes > 0
    assert T0 + 3 * DAY < later.at < T0 + 4 * DAY  # just behind the last read


def test_learning_night_by_night_gives_what_learning_at_once_gives(open_stream: Callable[..., SqliteStore]) -> None:
    at_once, nightly = open_stream("at_once"), open_stream("nightly")
    learn(at_once, Lesson("reads", T0 + 3 * DAY, DAY, SMALL))
    for night in (1, 2, 3):
        learn(nightly, Lesson("reads", T0 + night * DAY, 0, SMALL))
    first, second = landed(at_once), landed(nightly)
    assert [(f.row, f.time, f.values.tobytes()) for f in first] == [(f.row, f.time, f.values.tobytes()) for f in second]


def test_what_comes_later_changes_no_vector_of_a_night(open_stream: Callable[..., SqliteStore]) -> None:
    honest, planted = open_stream("honest"), open_stream("planted")
    night = T0 + 2 * DAY
    leak = [  # everyone reads the same pair from that very instant on
        Event(f"leak{n}", UserId(f"u{n % 20}"), night + n * SECOND, Action.CLICK, f"i{n % 2}") for n in range(200)
    ]
    assert planted.append_events(leak, None).accepted == len(leak)
    for store in (honest, planted):
        learn(store, Lesson("reads", night, DAY, SMALL))
    assert [(f.row, f.values.tobytes()) for f in landed(honest)] == [
        (f.row, f.values.tobytes()) for f in landed(planted)
    ]


def test_an_impression_sees_only_vectors_of_earlier_nights(open_stream: Callable[..., SqliteStore]) -> None:
    store = open_stream()
    nights = [fit.at for fit in learn(store, Lesson("reads", T0 + 3 * DAY, DAY, SMALL))]
    by_night = {night: {f.row: f.values for f in landed(store) if f.time == night} for night in nights}
    period = read_period(store, space="reads")
    impressions = [example.impression for example in period.examples]
    compared = 0
    for impression, raw in zip(impressions, replay_impressions(period.facts, impressions, 0, "reads"), strict=True):
        before = [night for night in nights if night < impression.time]
        for row, values in zip(raw.items.rows.tolist(), raw.vectors_at(raw.items.slots), strict=True):
            newest = [by_night[night][row] for night in before if row in by_night[night]]
            expected = newest[-1] if newest else np.zeros_like(values)
            assert np.array_equal(values, expected)
            compared += bool(newest)
    assert compared > 100


def test_an_item_keeps_its_text_space_as_the_automatic_choice(open_stream: Callable[..., SqliteStore]) -> None:
    store = open_stream(vectors={"own": np.eye(4, dtype=np.float32)[0]})
    learn(store, Lesson("reads", T0 + 4 * DAY, 6 * HOUR, SMALL))
    facts = read_facts(store)
    assert sum(isinstance(f, VectorLanded) and f.space == "reads" for f in facts) > 200  # more landings, fewer items
    assert choose_space(facts, AUTO_SPACE) == "own"


@pytest.mark.parametrize("space", ["", "text:mine"])
def test_an_encoders_space_is_refused(open_stream: Callable[..., SqliteStore], space: str) -> None:
    with pytest.raises(InvalidInput, match="a space of their own"):
        learn(open_stream(), Lesson(space, T0 + DAY))


def test_a_space_of_other_vectors_is_refused(open_stream: Callable[..., SqliteStore]) -> None:
    store = open_stream(vectors={"own": np.eye(4, dtype=np.float32)[0]})
    with pytest.raises(InvalidInput, match="not learned from reads"):
        learn(store, Lesson("own", T0 + DAY))


def test_a_log_without_reads_is_refused(open_stream: Callable[..., SqliteStore]) -> None:
    with pytest.raises(InvalidInput, match="no click before"):
        learn(open_stream(), Lesson("reads", T0))


def test_no_text_has_the_hash_of_a_fit() -> None:
    assert len({learned_hash("a", 1), learned_hash("a", 2), learned_hash("b", 1)}) == 3
    assert len(learned_hash("a", 1)) == 16
