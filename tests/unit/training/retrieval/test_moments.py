"""Drawing the clicks to judge by."""

from dataclasses import replace

import numpy as np
import pytest

from feedrank.errors import InvalidInput
from feedrank.records import EventRecorded, Fact
from feedrank.training.retrieval.moments import draw
from feedrank.types import HOUR, Action
from tests.news_stream import T0
from tests.unit.training.retrieval.conftest import START, UNTIL


def test_all_clicks_of_the_period_are_drawn_where_they_are_few(facts: list[Fact]) -> None:
    drawn = draw(facts, START, UNTIL, 10_000, seed=1)
    expected = [
        (fact.time, fact.rows[0], fact.event.user_id)
        for fact in facts
        if isinstance(fact, EventRecorded) and fact.action == Action.CLICK and START <= fact.time < UNTIL
    ]
    assert [(moment.time, moment.row, moment.user_id) for moment in drawn.moments] == sorted(expected)
    assert drawn.clicks == len(expected)


def test_a_sample_has_its_share_of_every_stretch(facts: list[Fact]) -> None:
    everything = draw(facts, START, UNTIL, 10_000, seed=1)
    drawn = draw(facts, START, UNTIL, 60, seed=1)
    assert len(drawn.moments) == 60
    assert drawn.clicks == everything.clicks
    hours = np.array([(moment.time - START) // (6 * HOUR) for moment in drawn.moments])
    all_hours = np.array([(moment.time - START) // (6 * HOUR) for moment in everything.moments])
    share = np.bincount(all_hours) * 60 / len(all_hours)
    assert (np.abs(np.bincount(hours) - share) <= 1.0).all()
    assert draw(facts, START, UNTIL, 60, seed=1) == drawn
    assert draw(facts, START, UNTIL, 60, seed=2) != drawn


def test_clicks_without_a_view_can_be_left_out(facts: list[Fact]) -> None:
    everything = draw(facts, START, UNTIL, 10_000, seed=1)
    assert draw(facts, START, UNTIL, 10_000, seed=1, answering=True) == everything  # all of this world's answer one
    first = everything.moments[0]
    loose: list[Fact] = [
        replace(fact, answers_view=False) if isinstance(fact, EventRecorded) and fact.time == first.time else fact
        for fact in facts
    ]
    assert draw(loose, START, UNTIL, 10_000, seed=1, answering=True).moments == everything.moments[1:]


def test_a_period_without_clicks_is_an_error_that_names_it(facts: list[Fact]) -> None:
    with pytest.raises(InvalidInput, match="no click lies between 2023-05-17"):
        draw(facts, T0 - 24 * HOUR, T0 - 12 * HOUR, 10, seed=1)
