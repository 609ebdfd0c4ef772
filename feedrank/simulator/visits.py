"""The days of a world, feed by feed in order of time, for anything that ranks: a policy, or a whole service.

Readers come, ask, are shown what they may be shown, answer, and perhaps ask again. Every asker meets the same readers
at the same times under the same draws (common random numbers), so that two of them differ by what they show and not by
luck. Knows nothing of how slates are made.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.simulator.clicks import respond, search
from feedrank.simulator.memory import Memory
from feedrank.simulator.policies import Policy
from feedrank.simulator.sessions import Session, plan_sessions
from feedrank.simulator.world import Stream, World
from feedrank.types import DAY, F64, I64, SECOND, Action, Event, Micros

PAUSE = 5 * SECOND  # between a search or a slate and the next slate of a session
_SEARCHES = -1


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for a feed."""

    user: int
    session_id: str
    request_id: str
    now: Micros
    live: I64  # item numbers a feed may hold, in order of publication
    shown_here: I64  # item numbers this session has shown already; none of them is live


class Feeds(Protocol):
    """Makes feeds, and is told what came of them. Called in order of time."""

    def rank(self, ask: Ask) -> I64:
        """Item numbers out of `ask.live`, best first, at most a slate of them."""
        ...

    def observe(self, events: Sequence[Event]) -> None:
        """Takes note of events, in order of time, all of them before the next `rank`."""
        ...

    def end_day(self, midnight: Micros) -> None:
        """Midnight between two days; everything before it was observed."""
        ...


@dataclass(frozen=True, slots=True)
class Visits:
    """Sessions and what came of them, aligned, in order of time."""

    users: I64  # (s,) user numbers
    days: I64  # (s,) from 0
    feeds: I64  # (s,) slates shown
    clicks: F64  # (s,)
    ineligible: int  # items served that the world's rules did not allow


class PolicyFeeds:
    """A policy of the simulator. With `one_telling`, a feed tells a story once, in its newest telling."""

    def __init__(self, world: World, policy: Policy, *, one_telling: bool) -> None:
        self._world, self._policy, self._one_telling = world, policy, one_telling

    def rank(self, ask: Ask) -> I64:
        live = newest_tellings(self._world, ask.live) if self._one_telling else ask.live
        return self._policy.rank(ask.user, ask.now, live)[: self._world.settings.slate_size]

    def observe(self, events: Sequence[Event]) -> None:
        self._policy.observe(events)

    def end_day(self, midnight: Micros) -> None:
        return None


def newest_tellings(world: World, live: I64) -> I64:
    """Of items in order of publication, the last of each story, in the same order."""
    _, from_the_end = np.unique(world.articles.story[live][::-1], return_index=True)
    return np.sort(live[len(live) - 1 - from_the_end])


def play(world: World, days: int, feeds: Feeds) -> Visits:
    """The sessions of a world's first `days` days with `feeds`. InvalidInput if the world has fewer days."""
    if not 1 <= days <= world.settings.days:
        raise InvalidInput(f"{days} days are asked of a world of {world.settings.days}; give from 1 to that many")
    end = world.settings.start + days * DAY
    sessions = [session for session in plan_sessions(world) if session.starts_at < end]
    return _Days(world, sessions, feeds).run(days)


class _Days:
    """One run."""

    def __init__(self, world: World, sessions: list[Session], feeds: Feeds) -> None:
        self._world, self._sessions, self._feeds = world, sessions, feeds
        self._memories = [Memory() for _ in range(len(world.readers))]
        self._pending: list[tuple[Micros, str, Event]] = []
        self._shown: list[list[int]] = [[] for _ in sessions]  # item numbers, while a session lasts
        self._slates = np.zeros(len(sessions), np.int64)
        self._clicks = np.zeros(len(sessions))
        self._ineligible = 0

    def run(self, days: int) -> Visits:
        start = self._world.settings.start
        # A heap, since sessions are sorted. Feed SEARCHES stands for the search before the first.
        asked = [
            (session.starts_at, index, _SEARCHES if session.searches else 0)
            for index, session in enumerate(self._sessions)
        ]
        ended = 0
        while asked:
            now, index, feed = heapq.heappop(asked)
            while ended < days - 1 and now >= start + (ended + 1) * DAY:
                ended += 1
                self._tell(start + ended * DAY)
                self._feeds.end_day(start + ended * DAY)
            self._tell(now)
            later = self._search(index, now) if feed == _SEARCHES else self._ask(index, feed, now)
            if later is not None:
                heapq.heappush(asked, (later, index, feed + 1))
        self._tell(None)
        users = np.array([session.user for session in self._sessions], np.int64)
        times = np.array([session.starts_at for session in self._sessions], np.int64)
        return Visits(users, (times - start) // DAY, self._slates, self._clicks, self._ineligible)

    def _tell(self, before: Micros | None) -> None:
        due = []
        while self._pending and (before is None or self._pending[0][0] < before):
            due.append(heapq.heappop(self._pending)[2])
        if due:
            self._feeds.observe(due)

    def _search(self, index: int, now: Micros) -> Micros:
        """What the reader looks for on arrival; when they ask for a feed."""
        session = self._sessions[index]
        user_id = self._world.user_ids[session.user]
        event = search(self._world, self._draws(session, 0, 1), user_id, now, session_id=self._session_id(session))
        heapq.heappush(self._pending, (now, event.event_id, event))
        return now + PAUSE

    def _session_id(self, session: Session) -> str:
        return f"s{self._world.settings.seed}-{self._world.user_ids[session.user]}-{session.number:04d}"

    def _draws(self, session: Session, feed: int, *more: int) -> np.random.Generator:
        """The same draws for whoever made the feed."""
        key = (self._world.settings.seed, int(Stream.ANSWERS), session.user, session.number, feed, *more)
        return np.random.default_rng(key)

    def _ask(self, index: int, feed: int, now: Micros) -> Micros | None:
        """One feed and its answer; when the same session asks again, None if it does not."""
        world, session, here = self._world, self._sessions[index], self._shown[index]
        session_id = self._session_id(session)
        memory = self._memories[session.user]
        live = world.live_items(session.user, now)
        live = live[~np.isin(live, np.fromiter({*memory.gone, *here}, dtype=np.int64))]
        ask = Ask(session.user, session_id, f"{session_id}-{feed}", now, live, np.array(here, np.int64))
        slate = self._feeds.rank(ask)
        self._ineligible += int((~np.isin(slate, live)).sum())
        if not len(slate):
            return None
        answer = respond(
            world,
            self._draws(session, feed),
            world.user_ids[session.user],
            [world.item_ids[number] for number in slate.tolist()],
            now,
            request_id=ask.request_id,
            session_id=session_id,
            read_stories=memory.read_stories,
        )
        memory.note(world, answer, slate)
        here.extend(slate.tolist())
        for event in answer:
            heapq.heappush(self._pending, (event.time, event.event_id, event))
        self._slates[index] += 1
        self._clicks[index] += sum(event.action is Action.CLICK for event in answer)
        return answer[-1].time - answer[-1].time % SECOND + PAUSE if feed + 1 < session.feeds else None
