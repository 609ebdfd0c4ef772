"""Fixes the facts of a happening: what every article about it agrees on.

Draws each fact a frame declares, in the frame's order, and keeps away from what the same frame drew lately, so that two
happenings of one kind are told apart by more than a number. Knows nothing of wording.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.simulator.entities import Entities, NamePool
from feedrank.simulator.lexicon import FactSpec, Frame, Lexicon, Region

WEEKDAYS: Mapping[str, tuple[str, ...]] = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "da": ("mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag", "søndag"),
    "de": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
}
AVOIDED_SHARE = 2 / 3  # of a list's values: the latest ones a frame drew are not drawn again yet
_SEPARATORS: Mapping[str, tuple[str, str]] = {"en": (",", "."), "da": (".", ","), "de": (".", ",")}


@dataclass(frozen=True, slots=True)
class Facts:
    """Values by fact name, and the numbers of the entities among them in the frame's order."""

    values: Mapping[str, str]
    entities: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FactDrawer:
    """Draws facts for one world, happening after happening in order of time."""

    lexicon: Lexicon
    entities: Entities
    names: NamePool
    rng: np.random.Generator
    _drawn: dict[tuple[int, str, str], deque[str]] = field(default_factory=dict)  # by frame, fact, region; oldest first

    def draw(self, frame: Frame, language: str, region: Region | None, weekday: int) -> Facts:
        """The facts of one happening; `region` is required by regional frames. Weekday 0 is Monday."""
        values = {"day": WEEKDAYS[language][weekday]}
        bound: dict[str, int] = {}
        for spec in frame.facts:
            if spec.source == "entity":
                number = self._entity(frame, spec, bound)
                bound[spec.name] = number
                values[spec.name] = self.entities.names[number]
            elif spec.source in ("pick", "district", "street"):
                values[spec.name] = self._pick(frame, spec, region)
            else:
                values[spec.name] = self._plain(spec, language, region)
        return Facts(values, tuple(bound.values()))

    def _entity(self, frame: Frame, spec: FactSpec, bound: Mapping[str, int]) -> int:
        parent = bound[spec.args[1]] if len(spec.args) == 2 else -1
        pool = self.entities.pool(spec.args[0], parent)
        used = set(bound.values())
        free = [int(number) for number in pool if number not in used] or [int(number) for number in pool]
        if parent >= 0:
            return self.entities.choose(free, self.rng)
        lately = self._lately(frame, spec, len(free))
        fresh = [number for number in free if str(number) not in lately] or free
        number = self.entities.choose(fresh, self.rng)
        lately.append(str(number))
        return number

    def _pick(self, frame: Frame, spec: FactSpec, region: Region | None) -> str:
        if spec.source == "pick":
            options, place = self.lexicon.lists[spec.args[0]], ""
        else:
            here = _required(region, spec)
            options, place = here.districts if spec.source == "district" else here.streets, here.code
        lately = self._lately(frame, spec, len(options), place)
        value = self._one_of(tuple(option for option in options if option not in lately))
        lately.append(value)
        return value

    def _lately(self, frame: Frame, spec: FactSpec, size: int, place: str = "") -> deque[str]:
        key = (id(frame), spec.name, place)
        if key not in self._drawn:
            self._drawn[key] = deque(maxlen=int(size * AVOIDED_SHARE))
        return self._drawn[key]

    def _plain(self, spec: FactSpec, language: str, region: Region | None) -> str:
        thousands, point = _SEPARATORS[language]
        if spec.source == "int":
            low, high, *step = (int(arg) for arg in spec.args)
            unit = step[0] if step else 1
            value = low + unit * int(self.rng.integers((high - low) // unit + 1))
            return f"{value:,}".replace(",", thousands)
        if spec.source == "dec":
            least, most = (float(arg) for arg in spec.args)
            return f"{self.rng.uniform(least, most):.1f}".replace(".", point)
        if spec.source == "year":
            return str(int(self.rng.integers(int(spec.args[0]), int(spec.args[1]) + 1)))
        if spec.source == "person":
            return self.names.draw(language)
        return _required(region, spec).homes[language]

    def _one_of(self, options: tuple[str, ...]) -> str:
        return options[int(self.rng.integers(len(options)))]


def _required(region: Region | None, spec: FactSpec) -> Region:
    if region is None:
        raise InvalidInput(f"fact {spec.name} = {spec.source} needs a region; draw the frame with one")
    return region
