"""The service's own slates: weights down a slate, clicks as rewards, and what the feed earns without exploration."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from feedrank.analysis.off_policy import (
    Method,
    decisions_of,
    estimate,
    measure_overlap,
    read_places,
    without_exploration,
)
from feedrank.analysis.off_policy.__main__ import app
from feedrank.errors import InvalidInput
from feedrank.settings import Settings
from feedrank.store import StoredSlate
from feedrank.store.sqlite import SqliteStore
from feedrank.training.facts import read_facts
from feedrank.training.labels import Answers
from feedrank.types import SECOND, Action, Event, Item, ItemId, UserId
from feedrank.v1 import log_pb2 as log

START = 1_767_571_200 * SECOND
EXPLORE, POOL = 0.2, 10
GREEDY, DRAWN = 1 - EXPLORE + EXPLORE / POOL, EXPLORE / POOL
CLICKED_GREEDY, CLICKED_DRAWN = 0.3, 0.1


def served(folder: Path, users: int, per_user: int = 3) -> SqliteStore:
    """Slates of two explored places below a certain one; a drawn item earns a third of the greedy one."""
    store = SqliteStore.open(folder, Settings())
    store.append_items([Item(ItemId(f"a{i}"), title=str(i), updated_at=1) for i in range(3)], None)
    rng, slates, events = np.random.default_rng(7), [], []
    for n in range(users * per_user):
        user, time, request = f"u{n % users}", START + n * SECOND, f"r{n}"
        # a drawn place holds the greedy item with probability 1 / pool: its propensity cannot tell
        drawn = (rng.random(2) < EXPLORE) & (rng.random(2) >= 1 / POOL)
        propensities = [1.0, *np.where(drawn, DRAWN, GREEDY).tolist()]
        rates = np.array([0.4, *np.where(drawn, CLICKED_DRAWN, CLICKED_GREEDY)])
        body = log.Slate(request_id=request, candidate_rows=[0, 1, 2], shown=[0, 1, 2], propensities=propensities)
        slates.append(StoredSlate(request, user, time, body.SerializeToString()))
        for i in np.flatnonzero(rng.random(3) < rates):
            event = Event(f"{request}:{i}", UserId(user), time + 1, Action.CLICK, f"a{i}", request_id=request)
            events.append(event)
    store.append_slates(slates)
    store.append_events(events, None)
    return store


def test_weights_run_down_a_slate_and_find_the_greedy_feeds_value(tmp_path: Path) -> None:
    store = served(tmp_path, 400)
    places = read_places(store.slates(0, 2**62), Answers(read_facts(store)))
    store.close()
    decisions = decisions_of(places, without_exploration)
    assert len(decisions.rewards) == 3_600
    first, second, third = decisions.weights.reshape(-1, 3).T
    assert (first == 1.0).all()
    assert set(np.round(second, 6)) == {0.0, round(1 / GREEDY, 6)}
    assert set(np.round(third, 5)) == {0.0, round(1 / GREEDY**2, 5)}
    assert not measure_overlap(decisions, places.propensities).refusals
    truth = (0.4 + 2 * CLICKED_GREEDY) / 3
    value = estimate(decisions, Method.IPS)
    assert value.low < truth < value.high
    assert places.clicked.mean() < truth


def test_a_command_says_it(tmp_path: Path) -> None:
    served(tmp_path, 300).close()
    file = tmp_path / "out.json"
    result = CliRunner().invoke(app, ["--data-dir", str(tmp_path), "--json", str(file)])
    assert result.exit_code == 0, result.output
    values = json.loads(file.read_text())
    assert [v["method"] for v in values["without_exploration"]] == ["IPS", "clipped IPS", "SNIPS"]
    assert values["as_served"]["value"] < values["without_exploration"][2]["value"]


def test_too_few_slates_are_refused_and_none_are_said(tmp_path: Path) -> None:
    served(tmp_path / "few", 10, 1).close()
    result = CliRunner().invoke(app, ["--data-dir", str(tmp_path / "few")])
    assert result.exit_code == 2
    with pytest.raises(InvalidInput, match="serve with exploration first"):
        read_places([], Answers(()))


def test_impossible_probabilities_are_refused(tmp_path: Path) -> None:
    store = served(tmp_path, 5)
    places = read_places(store.slates(0, 2**62), Answers(read_facts(store)))
    store.close()
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        decisions_of(places, lambda p: p.propensities * 2)
