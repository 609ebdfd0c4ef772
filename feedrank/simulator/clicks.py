"""What a reader does with a slate: views, clicks, dwell, likes, saves, shares, hides and follows, as events.

The same function answers the simulator's own policies and slates of a real server. Event ids follow from the request
id, so that the same answer sent twice counts once. Knows nothing of how a slate was made.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.simulator.truth import Truth
from feedrank.simulator.world import World
from feedrank.types import SECOND, Action, Event, Micros, UserId

SECONDS_PER_EXAMINED = (1.0, 4.0)  # between looking at one headline and the next
DWELL_MEDIAN_S = 26.0
DWELL_AFFINITY_GAIN = 0.42  # of the logarithm: what is liked is read longer
DWELL_TONE_LOSS = 0.5  # tabloid headlines promise more than they hold
DWELL_SIGMA = 0.55
DWELL_BOUNDS_S = (2.0, 600.0)
LIKE, SAVE, SHARE, FOLLOW = (-3.6, 0.9), (-4.2, 0.8), (-4.4, 0.7), (-5.2, 0.9)  # logistic in affinity: (base, gain)
HIDE = (-6.6, -0.9)  # of what was examined and left
FOLLOW_TARGETS = ("author", "category", "source")
QUERY_FANDOM_SHARE = 0.5  # of searches: for someone the reader cares for; else a phrase of a favourite subcategory


@dataclass(frozen=True, slots=True)
class _Shown:
    """An article at a place in a slate, and what is true of it."""

    number: int
    position: int
    affinity: float


def respond(
    world: World,
    rng: np.random.Generator,
    user_id: str,
    slate: Sequence[str],
    now: Micros,
    *,
    request_id: str,
    session_id: str = "",
    surface: str = "feed",
    read_stories: Collection[int] = (),
) -> list[Event]:
    """The events of one reader answering one slate shown at `now`, in order of time.

    First a VIEW of the whole slate, then what the click model draws (see `Truth.click_probability`). `read_stories` are
    the story numbers the reader has read from before. Raises UnknownItem or NotFound for ids the world does not have,
    and InvalidInput for an empty slate.
    """
    if not slate:
        raise InvalidInput("the slate is empty; nobody answers an empty slate")
    truth = Truth(world)
    user = world.user_number(user_id)
    numbers = np.array([world.item_number(item) for item in slate], dtype=np.int64)
    positions = np.arange(1, len(numbers) + 1)
    familiar = [int(story) in read_stories for story in world.articles.story[numbers]]
    affinity, attraction = truth.judge(user, numbers, now, familiar)
    examined = rng.random(len(numbers)) < truth.examination(user, positions)
    attracted = rng.random(len(numbers)) < attraction
    emit = _Emitter(UserId(user_id), request_id, session_id, surface)
    emit.view(now, tuple(slate))
    clock = now
    for index in np.flatnonzero(examined):
        shown = _Shown(int(numbers[index]), int(positions[index]), float(affinity[index]))
        clock += int(rng.uniform(*SECONDS_PER_EXAMINED) * SECOND)
        if attracted[index]:
            clock = _read(world, rng, shown, clock, emit)
        elif rng.random() < _logistic(HIDE, shown.affinity):
            emit.item(Action.HIDE, clock, world.item_ids[shown.number], shown.position)
    return emit.events


def search(world: World, rng: np.random.Generator, user_id: str, now: Micros, *, session_id: str) -> Event:
    """A reader looks for someone or something they care about."""
    user = world.user_number(user_id)
    fandoms = world.readers.fandoms[user]
    if fandoms.any() and rng.random() < QUERY_FANDOM_SHARE:
        query = world.entities.names[int(rng.choice(len(fandoms), p=fandoms / fandoms.sum(dtype=np.float64)))]
    else:
        appeal = np.exp(Truth(world).interests(user, now))
        topic = int(rng.choice(len(appeal), p=appeal / appeal.sum()))
        queries = world.lexicon.subcategories[topic].queries
        query = queries[int(rng.integers(len(queries)))]
    return Event(f"{session_id}:search", UserId(user_id), now, Action.SEARCH, query=query, session_id=session_id)


def _read(world: World, rng: np.random.Generator, shown: _Shown, clock: Micros, emit: "_Emitter") -> Micros:
    """A click and what follows from it; returns when the reader is back at the slate."""
    item = world.item(shown.number)
    tone = float(world.articles.tone[shown.number])
    emit.item(Action.CLICK, clock, item.item_id, shown.position)
    median = DWELL_MEDIAN_S * np.exp(DWELL_AFFINITY_GAIN * shown.affinity - DWELL_TONE_LOSS * (tone - 0.4))
    seconds = round(float(np.clip(median * rng.lognormal(0.0, DWELL_SIGMA), *DWELL_BOUNDS_S)), 1)
    clock += int(seconds * SECOND)
    emit.item(Action.DWELL, clock, item.item_id, shown.position, seconds)
    for action, curve in ((Action.LIKE, LIKE), (Action.SAVE, SAVE), (Action.SHARE, SHARE)):
        if rng.random() < _logistic(curve, shown.affinity):
            clock += SECOND
            emit.item(action, clock, item.item_id, shown.position)
    if rng.random() < _logistic(FOLLOW, shown.affinity):
        clock += SECOND
        kind = FOLLOW_TARGETS[int(rng.integers(len(FOLLOW_TARGETS)))]
        name = {"author": item.author, "category": item.category, "source": item.source}[kind]
        emit.follow(clock, f"{kind}:{name}", shown.position)
    return clock


def _logistic(curve: tuple[float, float], affinity: float) -> float:
    base, gain = curve
    return float(1.0 / (1.0 + np.exp(-(base + gain * affinity))))


class _Emitter:
    """Collects the events of one request, with ids that follow from it."""

    def __init__(self, user_id: UserId, request_id: str, session_id: str, surface: str) -> None:
        self.events: list[Event] = []
        self._blank = Event("", user_id, 0, Action.VIEW, request_id=request_id, session_id=session_id, surface=surface)

    def view(self, time: Micros, slate: tuple[str, ...]) -> None:
        self._add(replace(self._blank, event_id="view", time=time, item_ids=slate))

    def item(self, action: Action, time: Micros, item_id: str, position: int, value: float | None = None) -> None:
        name = f"{action.name.lower()}{position}"
        about = replace(self._blank, event_id=name, time=time, action=action, item_id=item_id)
        self._add(replace(about, position=position, value=value))

    def follow(self, time: Micros, target: str, position: int) -> None:
        self._add(replace(self._blank, event_id=f"follow{position}", time=time, action=Action.FOLLOW, target=target))

    def _add(self, event: Event) -> None:
        self.events.append(replace(event, event_id=f"{event.request_id}:{event.event_id}"))
