"""What one reader's feeds must respect: what was read or hidden, what was shown often enough, which stories were read.

Knows nothing of policies or of when readers come.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from feedrank.simulator.world import World
from feedrank.types import I64, Action, Event

SHOWN_ENOUGH = 3  # an article shown this often without a click is not shown again


@dataclass(slots=True)
class Memory:
    """What one reader's feeds must respect, by item or story number."""

    read_stories: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)  # read, hidden or shown often enough
    shown: dict[int, int] = field(default_factory=dict)

    def note(self, world: World, events: Sequence[Event], slate: I64) -> None:
        """Takes note of a slate, by item number, and of the answer to it."""
        for item in slate.tolist():
            self.shown[item] = self.shown.get(item, 0) + 1
            if self.shown[item] >= SHOWN_ENOUGH:
                self.gone.add(item)
        for event in events:
            if event.action in (Action.CLICK, Action.HIDE):
                item = world.item_number(event.item_id)
                self.gone.add(item)
                if event.action is Action.CLICK:
                    self.read_stories.add(int(world.articles.story[item]))
