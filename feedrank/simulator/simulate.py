"""Runs a world under a policy: readers come, are shown slates, answer, and their events come out in order of time.

Keeps what a feed must not repeat (read and hidden articles, those shown three times, those of the same session).
Knows nothing of how a policy ranks or how readers decide.
"""

import heapq
from collections.abc import Iterator

import numpy as np

from feedrank.simulator.clicks import respond, search
from feedrank.simulator.memory import Memory
from feedrank.simulator.policies import Policy
from feedrank.simulator.sessions import Session, plan_sessions
from feedrank.simulator.world import Stream, World, stream
from feedrank.types import SECOND, Event, Micros

PAUSE = 5 * SECOND  # between a slate and the next one of a session


def simulate(world: World, policy: Policy) -> Iterator[Event]:
    """The events of all sessions of a world under a policy, in order of (time, event id).

    Equal worlds and equal policies give equal events. The policy observes each event before the first slate after it.
    """
    rng = stream(world.settings, Stream.RESPONSES)
    memories = [Memory() for _ in range(len(world.readers))]
    pending: list[tuple[Micros, str, Event]] = []
    for session in plan_sessions(world):
        due = list(_due(pending, session.starts_at))
        policy.observe(due)
        yield from due
        for event in _play(world, policy, session, memories[session.user], rng):
            heapq.heappush(pending, (event.time, event.event_id, event))
    rest = list(_due(pending, None))
    policy.observe(rest)
    yield from rest


def _due(pending: list[tuple[Micros, str, Event]], before: Micros | None) -> Iterator[Event]:
    while pending and (before is None or pending[0][0] < before):
        yield heapq.heappop(pending)[2]


def _play(world: World, policy: Policy, session: Session, memory: Memory, rng: np.random.Generator) -> list[Event]:
    """The events of one session."""
    user_id = world.user_ids[session.user]
    session_id = f"s{world.settings.seed}-{user_id}-{session.number:04d}"
    now = session.starts_at
    events: list[Event] = []
    if session.searches:
        events.append(search(world, rng, user_id, now, session_id=session_id))
        now += PAUSE
    here: set[int] = set()
    for feed in range(session.feeds):
        live = world.live_items(session.user, now)
        live = live[~np.isin(live, np.fromiter(memory.gone | here, dtype=np.int64))]
        slate = policy.rank(session.user, now, live)[: world.settings.slate_size]
        if not len(slate):
            break
        answer = respond(
            world,
            rng,
            user_id,
            [world.item_ids[number] for number in slate],
            now,
            request_id=f"{session_id}-{feed}",
            session_id=session_id,
            read_stories=memory.read_stories,
        )
        memory.note(world, answer, slate)
        here.update(slate.tolist())
        events.extend(answer)
        now = answer[-1].time - answer[-1].time % SECOND + PAUSE
    return events
