"""Writes a world and what happened in it to a store, as an import: items, then users, then events in order of time.

Items and events are received at their own times, users when the world begins. Every write is idempotent, and a data
directory holds one world: another one is refused. Knows nothing of how events came about, of files or of terminals.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import TypeVar

from feedrank.errors import Conflict
from feedrank.simulator.settings import WorldSettings
from feedrank.simulator.world import World
from feedrank.store.protocol import LogStore
from feedrank.types import Event, Micros, WriteResult

EVENT_BATCH = 10_000  # one durable transaction each
ITEM_BATCH = 1_000  # items carry texts
SETTING = "simulated_world"
_T = TypeVar("_T")


@dataclass(slots=True)
class Tally:
    """What became of one kind of record; `reasons` counts the store's reasons to refuse."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, result: WriteResult) -> None:
        """Adds one batch."""
        self.accepted += result.accepted
        self.duplicates += result.duplicates
        self.rejected += len(result.rejected)
        for rejection in result.rejected:
            self.reasons[rejection.reason] = self.reasons.get(rejection.reason, 0) + 1


@dataclass(frozen=True, slots=True)
class WrittenWorld:
    """What became of a world's records, and how many events there were of each action."""

    items: Tally = field(default_factory=Tally)
    users: Tally = field(default_factory=Tally)
    events: Tally = field(default_factory=Tally)
    actions: dict[str, int] = field(default_factory=dict)


def write_world(
    world: World, events: Iterable[Event], store: LogStore, progress: Callable[[Micros], None]
) -> WrittenWorld:
    """Writes everything; `progress` is told the time of the last event of each batch.

    Raises Conflict where the store already holds another simulated world, and StoreError as the store does; what was
    written stays, and writing the same world again completes it.
    """
    _claim(store, world.settings)
    written = WrittenWorld()
    for items in _batches(world.items(), ITEM_BATCH):
        written.items.add(store.append_items(items, None))
    for users in _batches(world.users(), ITEM_BATCH):
        written.users.add(store.append_users(users, world.settings.start))
    for batch in _batches(events, EVENT_BATCH):
        written.events.add(store.append_events(batch, None))
        for event in batch:
            written.actions[event.action.name] = written.actions.get(event.action.name, 0) + 1
        progress(batch[-1].time)
    return written


def _claim(store: LogStore, settings: WorldSettings) -> None:
    """Notes in the store whose world it holds."""
    mine = json.dumps(asdict(settings), sort_keys=True)
    found = store.get_setting(SETTING)
    if found is None:
        store.set_setting(SETTING, mine)
    elif found != mine:
        raise Conflict(
            f"the data directory holds another simulated world, {found}; give its arguments or an empty folder"
        )


def _batches(things: Iterable[_T], size: int) -> Iterator[Sequence[_T]]:
    rest = iter(things)
    while batch := list(islice(rest, size)):
        yield batch
