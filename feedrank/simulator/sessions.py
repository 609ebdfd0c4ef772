"""When readers come: every session of a world, in order of time, whatever they are shown.

Knows nothing of articles, slates or clicks.
"""

from dataclasses import dataclass

import numpy as np

from feedrank.simulator.curves import READING, WEEKEND_READING, draw_instants, hour_weights
from feedrank.simulator.world import Stream, World, stream
from feedrank.types import HOUR, MINUTE, Micros

MIN_GAP = 30 * MINUTE  # two visits within it are one session
MORE_FEEDS = 0.35  # probability of asking for another feed after one
MAX_FEEDS = 5
SEARCH_SHARE = 0.06  # of sessions that begin with a search


@dataclass(frozen=True, slots=True)
class Session:
    """One visit: `feeds` slates, perhaps after a search."""

    user: int
    number: int  # of this user, from 0
    starts_at: Micros
    feeds: int
    searches: bool


def plan_sessions(world: World) -> list[Session]:
    """All sessions in order of (time, user): Poisson counts per reader, times by the hour of the reader's day."""
    settings, readers = world.settings, world.readers
    rng = stream(settings, Stream.SESSIONS)
    weights = hour_weights(settings.start, settings.days * 24, READING, WEEKEND_READING)
    offsets = np.array([region.utc_offset_hours for region in world.lexicon.regions])[readers.region]
    shifts = readers.hour_shift - offsets  # a later local clock means earlier hours in UTC
    sessions: list[Session] = []
    for user in range(len(readers)):
        count = int(rng.poisson(readers.sessions_per_day[user] * settings.days))
        times = np.sort(draw_instants(settings.start, np.roll(weights, int(shifts[user])), count, rng))
        kept = [int(time) for time, gap in zip(times, np.diff(times, prepend=-HOUR), strict=True) if gap >= MIN_GAP]
        for number, time in enumerate(kept):
            feeds = min(int(rng.geometric(1.0 - MORE_FEEDS)), MAX_FEEDS)
            sessions.append(Session(user, number, time, feeds, bool(rng.random() < SEARCH_SHARE)))
    return sorted(sessions, key=lambda session: (session.starts_at, session.user))
