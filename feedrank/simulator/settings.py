"""What a simulated world is made from: the arguments that decide every byte of it.

Knows nothing of text, readers or clicks. The tuned constants of behaviour stand beside the formulas that use them
(`truth`, `readers`, `sessions`); only what a caller may want to vary is here.
"""

from dataclasses import dataclass

from feedrank.errors import InvalidInput
from feedrank.types import DAY, HOUR, Micros

MONDAY_2026_01_05: Micros = 1_767_571_200 * 1_000_000  # 2026-01-05T00:00:00Z
MAX_SIZE = 1_000_000  # item and user numbers have at most six digits in their ids


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """Size, span and seed of a world. Equal settings give an identical world and identical events.

    Raises InvalidInput on construction when a value is out of range.
    """

    users: int = 400
    items: int = 2_000
    days: int = 7
    seed: int = 7
    start: Micros = MONDAY_2026_01_05  # sessions happen from here on; a midnight UTC
    backlog_hours: int = 24  # articles published before `start`, so that the first feeds have something to show
    lifetime_hours: int = 72  # an article older than this is in no feed
    sessions_per_day: float = 3.2  # mean over users
    slate_size: int = 20

    def __post_init__(self) -> None:
        """Refuses sizes nothing can be built from."""
        bounds: tuple[tuple[str, float, float, float], ...] = (
            ("users", self.users, 1, MAX_SIZE),
            ("items", self.items, 1, MAX_SIZE),
            ("days", self.days, 1, 365),
            ("seed", self.seed, 0, 2**63 - 1),
            ("start", self.start, 0, 2**62),
            ("backlog_hours", self.backlog_hours, 0, 24 * 30),
            ("lifetime_hours", self.lifetime_hours, 1, 24 * 365),
            ("sessions_per_day", self.sessions_per_day, 0.01, 100),
            ("slate_size", self.slate_size, 1, 200),
        )
        for name, value, low, high in bounds:
            if not low <= value <= high:
                raise InvalidInput(f"WorldSettings.{name} is {value}; give a value from {low} to {high}")
        if self.start % DAY:
            raise InvalidInput(f"WorldSettings.start is {self.start}; give a midnight UTC in microseconds")

    @property
    def until(self) -> Micros:
        """The end of the simulated span."""
        return self.start + self.days * DAY

    @property
    def first_publication(self) -> Micros:
        """The earliest time an article may carry."""
        return self.start - self.backlog_hours * HOUR
