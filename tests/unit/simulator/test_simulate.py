import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict

import numpy as np

from feedrank.limits import event_fault
from feedrank.simulator import LoggingPolicy, Truth, World, WorldSettings, simulate
from feedrank.simulator.sessions import MIN_GAP, plan_sessions
from feedrank.types import HOUR, Action, Event

DIGEST = """
import hashlib
from feedrank.simulator import LoggingPolicy, World, WorldSettings, simulate
world = World.build(WorldSettings(users=20, items=200, days=1, seed=5))
text = repr((list(world.items()), list(world.users()), list(simulate(world, LoggingPolicy(world)))))
print(hashlib.sha256(text.encode()).hexdigest())
"""


def views(events: list[Event]) -> list[Event]:
    return [event for event in events if event.action is Action.VIEW]


def clicks_by_request(events: list[Event]) -> dict[str, set[int]]:
    positions: dict[str, set[int]] = defaultdict(set)
    for event in events:
        if event.action is Action.CLICK and event.position:
            positions[event.request_id].add(event.position)
    return positions


def test_equal_settings_give_an_equal_world_in_any_process() -> None:
    digests = set()
    for hash_seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed}
        digests.add(subprocess.run([sys.executable, "-c", DIGEST], env=env, capture_output=True, check=True).stdout)
    assert len(digests) == 1


def test_another_seed_gives_another_world() -> None:
    one, other = (World.build(WorldSettings(users=5, items=50, days=1, seed=seed)) for seed in (1, 2))
    assert set(one.articles.titles).isdisjoint(other.articles.titles)


def test_the_world_does_not_depend_on_what_is_shown(world: World, log: list[Event], random_log: list[Event]) -> None:
    sessions = [Counter(event.session_id for event in views(events)) for events in (log, random_log)]
    assert sessions[0] == sessions[1]
    assert views(log)[0].item_ids != views(random_log)[0].item_ids


def test_running_again_gives_the_same_events(world: World, log: list[Event]) -> None:
    again = simulate(world, LoggingPolicy(world))
    digests = [hashlib.sha256(repr(list(events)).encode()).digest() for events in (log, again)]
    assert digests[0] == digests[1]


def test_events_are_in_order_of_time_with_ids_of_their_own(log: list[Event]) -> None:
    times = [event.time for event in log]
    assert times == sorted(times)
    assert len({(event.user_id, event.event_id) for event in log}) == len(log)
    assert [fault for event in log if (fault := event_fault(event, None, 0))] == []


def test_only_what_may_be_shown_is_shown(world: World, log: list[Event]) -> None:
    articles, readers = world.articles, world.readers
    for event in views(log):
        user = world.user_number(event.user_id)
        items = np.array([world.item_number(item) for item in event.item_ids])
        assert len(set(items.tolist())) == len(items)
        assert (articles.published_at[items] <= event.time).all()
        assert (articles.published_at[items] > event.time - world.settings.lifetime_hours * HOUR).all()
        expires = articles.expires_at[items]
        assert ((expires == 0) | (expires > event.time)).all()
        assert articles.allowed[items, readers.region[user]].all()
        assert readers.reads[user][articles.language[items]].all()


def test_what_was_read_or_hidden_or_shown_thrice_does_not_return(log: list[Event]) -> None:
    gone: dict[str, set[str]] = defaultdict(set)
    shown: dict[str, Counter[str]] = defaultdict(Counter)
    for event in log:
        if event.action is Action.VIEW:
            assert gone[event.user_id].isdisjoint(event.item_ids)
            shown[event.user_id].update(event.item_ids)
            assert max(shown[event.user_id].values()) <= 3
        elif event.action in (Action.CLICK, Action.HIDE):
            gone[event.user_id].add(event.item_id)


def test_position_bias_is_recovered_from_random_slates(world: World, truth: Truth, random_log: list[Event]) -> None:
    size = world.settings.slate_size
    seen, clicked = np.zeros(size), np.zeros(size)
    examined = np.zeros(size)
    clicks = clicks_by_request(random_log)
    for event in views(random_log):
        depth = len(event.item_ids)
        seen[:depth] += 1
        examined[:depth] += truth.examination(world.user_number(event.user_id), np.arange(1, depth + 1))
        for position in clicks[event.request_id]:
            clicked[position - 1] += 1
    bands = [slice(0, 1), slice(1, 3), slice(3, 7), slice(7, 13), slice(13, 20)]
    rate = np.array([clicked[band].sum() / seen[band].sum() for band in bands])
    true = np.array([examined[band].sum() / seen[band].sum() for band in bands])
    noise = np.array([1 / np.sqrt(clicked[band].sum()) for band in bands])
    appeal = clicked.sum() / examined.sum()
    assert (np.diff(rate) < 0).all()
    assert (np.abs(rate / (true * appeal) - 1) < 4 * noise + 0.1).all()


def test_the_log_is_calibrated_to_the_truth(world: World, truth: Truth, log: list[Event]) -> None:
    """Clicks fall on shown articles as often as their probabilities say, in each tenth of them."""
    clicks = clicks_by_request(log)
    read: dict[str, set[int]] = defaultdict(set)
    probabilities, outcomes = [], []
    for event in log:
        if event.action is Action.CLICK:
            read[event.user_id].add(int(world.articles.story[world.item_number(event.item_id)]))
        elif event.action is Action.VIEW:
            user = world.user_number(event.user_id)
            items = np.array([world.item_number(item) for item in event.item_ids])
            familiar = [int(story) in read[event.user_id] for story in world.articles.story[items]]
            positions = np.arange(1, len(items) + 1)
            probabilities.append(truth.click_probability(user, items, positions, event.time, familiar))
            outcomes.append(np.isin(positions, list(clicks[event.request_id])))
    p, y = np.concatenate(probabilities), np.concatenate(outcomes)
    for tenth in np.array_split(np.argsort(p), 10):
        assert abs(y[tenth].sum() - p[tenth].sum()) < 4.5 * np.sqrt((p[tenth] * (1 - p[tenth])).sum())


def test_interests_drive_clicks(world: World, truth: Truth, random_log: list[Event]) -> None:
    clicks = clicks_by_request(random_log)
    lifts = []
    for event in views(random_log):
        chosen = clicks[event.request_id]
        if chosen and len(chosen) < len(event.item_ids):
            items = [world.item_number(item) for item in event.item_ids]
            affinity = truth.affinity(world.user_number(event.user_id), items, event.time)
            mask = np.isin(np.arange(1, len(items) + 1), list(chosen))
            lifts.append(affinity[mask].mean() - affinity[~mask].mean())
    assert np.mean(lifts) > 0.7


def test_readers_come_at_their_hours_and_a_few_come_often(world: World) -> None:
    big = World.build(WorldSettings(users=600, items=50, days=7, seed=2))
    sessions = plan_sessions(big)
    hours = np.bincount([session.starts_at // HOUR % 24 for session in sessions], minlength=24)
    assert hours[18:22].mean() > 4 * hours[1:5].mean()
    assert hours[6:9].mean() > 2 * hours[1:5].mean()
    per_user = np.sort(np.bincount([session.user for session in sessions], minlength=600))[::-1]
    assert per_user[:60].sum() > 0.25 * per_user.sum()  # the busiest tenth
    assert len(sessions) / (600 * 7) > 0.7 * big.settings.sessions_per_day  # close visits merge into one
    last: dict[int, int] = {}
    for session in sessions:
        assert session.starts_at - last.get(session.user, -HOUR) >= MIN_GAP
        last[session.user] = session.starts_at
