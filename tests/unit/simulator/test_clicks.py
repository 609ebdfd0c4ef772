from collections import Counter

import numpy as np
import pytest

from feedrank.errors import InvalidInput, NotFound, UnknownItem
from feedrank.limits import event_fault
from feedrank.simulator import Truth, World, respond, search
from feedrank.types import DAY, HOUR, Action, Event

DRAWS = 3_000


def slate_for(world: World, user: int, now: int) -> list[str]:
    live = np.random.default_rng(user).permutation(world.live_items(user, now))[:20]
    return [world.item_ids[item] for item in live]


@pytest.fixture(scope="module")
def now(world: World) -> int:
    return world.settings.start + DAY + 9 * HOUR


@pytest.mark.parametrize("user", [0, 17, 101])
def test_click_rates_are_the_true_probabilities(world: World, truth: Truth, now: int, user: int) -> None:
    slate, rng = slate_for(world, user, now), np.random.default_rng(5)
    numbers = np.array([world.item_number(item) for item in slate])
    stories = {int(world.articles.story[numbers[0]])}
    clicks: Counter[int] = Counter()
    for draw in range(DRAWS):
        events = respond(world, rng, world.user_ids[user], slate, now, request_id=f"r{draw}", read_stories=stories)
        clicks.update(event.position or 0 for event in events if event.action is Action.CLICK)
    positions = np.arange(1, len(slate) + 1)
    familiar = np.isin(world.articles.story[numbers], list(stories))
    p = truth.click_probability(user, numbers, positions, now, familiar)
    rates = np.array([clicks[int(position)] for position in positions]) / DRAWS
    assert np.abs(rates - p).max() < 5 * np.sqrt((p * (1 - p) / DRAWS).max())
    assert rates.sum() == pytest.approx(p.sum(), abs=5 * np.sqrt((p * (1 - p)).sum() / DRAWS))


def answer(world: World, now: int, draws: int = 400) -> list[Event]:
    rng, events = np.random.default_rng(8), []
    for draw in range(draws):
        user = draw % len(world.readers)
        slate = slate_for(world, user, now)
        events += respond(
            world, rng, world.user_ids[user], slate, now, request_id=f"r{draw}", session_id=f"s{draw}", surface="home"
        )
    return events


def test_an_answer_is_a_view_then_what_follows_from_it(world: World, now: int) -> None:
    rng = np.random.default_rng(1)
    slate = slate_for(world, 3, now)
    for draw in range(200):
        first, *rest = respond(world, rng, world.user_ids[3], slate, now, request_id=f"r{draw}")
        assert (first.action, first.time, first.item_ids) == (Action.VIEW, now, tuple(slate))
        times = [event.time for event in (first, *rest)]
        assert times == sorted(times)
        clicked = {event.item_id for event in rest if event.action is Action.CLICK}
        for event in rest:
            if event.position is not None:
                assert event.item_id == slate[event.position - 1]
            if event.action in (Action.DWELL, Action.LIKE, Action.SAVE, Action.SHARE):
                assert event.item_id in clicked
            if event.action is Action.HIDE:
                assert event.item_id not in clicked
        for click, dwell in zip(*(events_of(rest, a) for a in (Action.CLICK, Action.DWELL)), strict=True):
            assert dwell.value == pytest.approx((dwell.time - click.time) / 1e6, abs=1e-5)


def events_of(events: list[Event], action: Action) -> list[Event]:
    return [event for event in events if event.action is action]


def test_events_are_what_a_store_accepts_and_their_ids_follow_from_the_request(world: World, now: int) -> None:
    events = answer(world, now)
    assert [fault for event in events if (fault := event_fault(event, None, 0))] == []
    assert len({(event.user_id, event.event_id) for event in events}) == len(events)
    assert all(event.event_id.startswith(f"{event.request_id}:") for event in events)
    assert {event.surface for event in events} == {"home"}
    assert answer(world, now) == events


def test_every_kind_of_action_happens(world: World, now: int) -> None:
    counts = Counter(event.action for event in answer(world, now, draws=2_000))
    expected = {Action.VIEW, Action.CLICK, Action.DWELL, Action.LIKE, Action.SAVE, Action.SHARE, Action.HIDE}
    assert expected | {Action.FOLLOW} == set(counts)
    assert counts[Action.LIKE] < counts[Action.CLICK] / 4


def test_what_is_liked_is_read_longer(world: World, truth: Truth, now: int) -> None:
    dwells = events_of(answer(world, now, draws=1_200), Action.DWELL)
    affinity = [float(truth.affinity(world.user_number(e.user_id), world.item_number(e.item_id), now)) for e in dwells]
    seconds = np.array([event.value for event in dwells], dtype=np.float64)
    assert np.corrcoef(affinity, np.log(seconds))[0, 1] > 0.4
    assert 15 < np.median(seconds) < 120


def test_hides_fall_on_what_is_disliked(world: World, truth: Truth, now: int) -> None:
    events = answer(world, now, draws=2_000)
    mean = {
        action: np.mean(
            [
                float(truth.affinity(world.user_number(e.user_id), world.item_number(e.item_id), now))
                for e in events_of(events, action)
            ]
        )
        for action in (Action.CLICK, Action.HIDE)
    }
    assert mean[Action.HIDE] < mean[Action.CLICK] - 1.0


def test_searches_are_for_what_the_reader_cares_about(world: World, truth: Truth, now: int) -> None:
    rng, user = np.random.default_rng(2), 9
    queries = Counter(search(world, rng, world.user_ids[user], now, session_id=f"s{draw}").query for draw in range(300))
    fandoms = {world.entities.names[i] for i in np.flatnonzero(world.readers.fandoms[user])}
    favourite = world.lexicon.subcategories[int(truth.interests(user, now).argmax())]
    assert sum(count for query, count in queries.items() if query in fandoms) > 100
    assert sum(queries[query] for query in favourite.queries) > 300 / len(world.lexicon.subcategories)
    event = search(world, rng, world.user_ids[user], now, session_id="s")
    assert event_fault(event, None, 0) is None


def test_strangers_are_refused(world: World, now: int) -> None:
    rng, slate = np.random.default_rng(0), list(world.item_ids[:3])
    with pytest.raises(UnknownItem, match="nowhere"):
        respond(world, rng, world.user_ids[0], [*slate, "nowhere"], now, request_id="r")
    with pytest.raises(NotFound):
        respond(world, rng, "nobody", slate, now, request_id="r")
    with pytest.raises(InvalidInput, match="empty"):
        respond(world, rng, world.user_ids[0], [], now, request_id="r")
