"""Each leak that has made figures of news ranking too good, planted: at or after an impression it must change nothing,
to the bit, in any form of that impression; just before it, where it is no leak, it must change something.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from feedrank.features import FEATURES, NAMES
from feedrank.settings import DataSettings, Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.training.dataset import View, build
from feedrank.training.forms import Form, nightly, outdated, padded
from feedrank.training.impressions import Example
from feedrank.training.padding import Padding
from feedrank.training.replay import Impression
from feedrank.types import DAY, F32, HOUR, MINUTE, SECOND, Action, Context, Micros
from tests.grades import plain
from tests.strategies import T0, FactLog, unit_vector

MOMENT: Micros = T0 + 3 * DAY
USER, OTHER, REQUEST, SESSION = "u1", "u2", "scored", "s9"
SHOWN = ("i1", "i2", "i3")
Plant = Callable[[FactLog, Micros], None]


def history() -> FactLog:
    """Three days in which both users see and read eight articles."""
    log = FactLog(imported=True)
    for k in range(8):
        log.upsert(f"i{k}", T0 - DAY + k * HOUR, published_at=T0 - DAY + k * HOUR, category="news", title=f"t{k}")
        log.vector(f"i{k}", unit_vector(k), T0, content_hash=f"t{k}".encode())
    for k in range(60):
        at, user, item = T0 + k * HOUR, f"u{k % 3}", f"i{k % 8}"
        log.event(Action.VIEW, user, (item, f"i{(k + 3) % 8}"), at, request=f"r{k}", session=f"s{k // 6}")
        if k % 2:
            log.event(Action.CLICK, user, item, at + 30 * SECOND, request=f"r{k}", session=f"s{k // 6}", region="north")
    return log


def event(action: Action, user: str, items: str | tuple[str, ...] = "i2", **told: Any) -> Plant:
    """Plants one event."""

    def plant(log: FactLog, at: Micros) -> None:
        log.event(action, user, items, at, **told)

    return plant


def many_reads(log: FactLog, at: Micros) -> None:
    for k in range(20):
        log.event(Action.CLICK, f"w{k}", "i2", at + k)


def search(log: FactLog, at: Micros) -> None:
    log.query_vector(log.event(Action.SEARCH, USER, "", at), unit_vector(99), at)


def correction(log: FactLog, at: Micros) -> None:
    log.upsert("i2", at, category="sport", title="a longer title")


PLANTS: dict[str, Plant] = {
    "the scored impression's own click": event(Action.CLICK, USER, request=REQUEST),
    "a later click of the same item by somebody else": event(Action.CLICK, OTHER, request="r-later"),
    "a later exposure of the same item": event(Action.VIEW, OTHER, SHOWN, request="r-later"),
    "a later exposure to the same user": event(Action.VIEW, USER, SHOWN, session=SESSION),
    "a click out of a test-time history": event(Action.CLICK, USER),
    "the rest of the session": event(Action.CLICK, USER, request="r-next", session=SESSION),
    "the dwell of the same view": event(Action.DWELL, USER, value=200.0, request=REQUEST),
    "what happened to the item over its lifetime": many_reads,
    "a like": event(Action.LIKE, USER),
    "a hide": event(Action.HIDE, USER),
    "a follow": event(Action.FOLLOW, USER, "", target="category:news"),
    "a search": search,
    "a change of the article": correction,
}
AFTER: tuple[Micros, ...] = (0, 30 * SECOND, 30 * DAY)


@pytest.fixture(scope="module")
def padding(tmp_path_factory: pytest.TempPathFactory) -> Padding:
    store = SqliteStore.open(tmp_path_factory.mktemp("empty"), Settings())
    store.close()
    return Padding(store, DataSettings(), Settings(candidates=8))


def forms(log: FactLog) -> list[Example]:
    """The scored impression as shown, padded, with an outdated log and with nightly counters."""
    rows = tuple(log.row(item) for item in SHOWN)
    context = Context(region="north", language="en", session_id=SESSION, device="mobile")
    impression = Impression(REQUEST, USER, MOMENT, rows, context, SHOWN)
    everything, nothing = np.arange(3, dtype=np.int32), np.zeros(3, np.int8)
    example = Example(impression, everything, nothing, np.ones(3, np.bool_), plain(nothing))
    return [example, *padded([example]), *outdated([example], MOMENT - 5 * HOUR), *nightly([example])]


def rows_of(log: FactLog, padding: Padding, delay: Micros = 0) -> F32:
    return build(log.facts, forms(log), View(delay, "text", padding=padding)).rows


@pytest.mark.parametrize("name", PLANTS)
@pytest.mark.parametrize("delay", [0, 5 * MINUTE])
def test_what_comes_at_or_after_an_impression_leaves_its_rows_as_they_are(
    name: str, delay: Micros, padding: Padding
) -> None:
    expected = rows_of(history(), padding, delay)
    for after in AFTER:
        log = history()
        PLANTS[name](log, MOMENT + after)
        np.testing.assert_array_equal(rows_of(log, padding, delay), expected)


@pytest.mark.parametrize("name", PLANTS)
def test_the_same_before_the_impression_is_no_leak_and_tells(name: str, padding: Padding) -> None:
    log = history()
    PLANTS[name](log, MOMENT - MINUTE)
    assert (np.nan_to_num(rows_of(log, padding)) != np.nan_to_num(rows_of(history(), padding))).any()


def test_taking_events_away_is_as_good_as_adding_them(padding: Padding) -> None:
    log = history()
    for plant in PLANTS.values():
        plant(log, MOMENT)
    everything = rows_of(log, padding)
    log.facts = [fact for fact in log.facts if fact.time < MOMENT]
    np.testing.assert_array_equal(rows_of(log, padding), everything)


def test_every_form_and_every_feature_is_under_test(padding: Padding) -> None:
    data = build(history().facts, forms(history()), View(0, "text", padding=padding))
    assert sorted(data.forms.tolist()) == sorted((Form.SHOWN, Form.PADDED, Form.OUTDATED, Form.OUTDATED))
    assert data.features == NAMES == tuple(feature.name for feature in FEATURES)
