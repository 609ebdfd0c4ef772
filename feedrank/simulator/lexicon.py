"""The text files of the simulator as typed records: what can be written about, in which words.

A frame is one kind of happening of a subcategory: the facts it fixes and the sentences that can tell it. Knows
nothing of randomness, time or readers.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FactSpec:
    """How one fact of a frame is drawn: `source` and its arguments, e.g. int 3..9, or a footballer of club `a`."""

    name: str
    source: str  # int, dec, year, pick, person, home, district, street, entity
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """One kind of happening. All texts are templates over its facts, plus `day`, the weekday it happened."""

    name: str
    facts: tuple[FactSpec, ...]
    subject: str  # a singular noun phrase for the happening, used by later articles
    titles: tuple[str, ...]
    leads: tuple[str, ...]
    details: tuple[str, ...]
    closers: tuple[str, ...]
    evergreen: bool = False  # not news: reported once or copied, never followed up

    @property
    def regional(self) -> bool:
        """Whether it happens in a reader's region."""
        return any(fact.source in ("home", "district", "street") for fact in self.facts)


@dataclass(frozen=True, slots=True)
class Subcategory:
    """A topic readers can be interested in. `frames` by language; every topic has English ones."""

    category: str
    name: str
    weight: float  # relative frequency among all articles
    half_life_hours: float  # of attention
    hours: str  # publishing curve: day, evening or early
    queries: tuple[str, ...]  # what its readers search for
    also: tuple[str, str] | None  # (category, name) of a topic its articles touch as well
    frames: Mapping[str, tuple[Frame, ...]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of recurring entity: given names, invented people, or invented people belonging to another kind."""

    name: str
    names: tuple[str, ...] = ()
    people: int = 0
    of: str = ""
    each: int = 0
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Culture:
    """Where invented people have their names from."""

    weight: float
    languages: tuple[str, ...]
    first: tuple[str, ...]
    last: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Region:
    """A place where readers live; `homes` are its city's names by language."""

    code: str
    country: str
    homes: Mapping[str, str]
    share: float  # of all users
    utc_offset_hours: int
    districts: tuple[str, ...]
    streets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Publisher:
    """A source of articles. leaning: -1 left .. 1 right; tone: 0 broadsheet .. 1 tabloid; size: relative output."""

    name: str
    language: str
    leaning: float
    tone: float
    size: float
    rigour: float  # mean quality of its articles
    region: str  # region code of a local publisher, else empty
    beats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Followups:
    """Templates of later articles, over `subject`, `expert` and `day`."""

    titles: tuple[str, ...]
    leads: tuple[str, ...]
    closers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Everything the text files say."""

    subcategories: tuple[Subcategory, ...]
    kinds: Mapping[str, Kind]
    lists: Mapping[str, tuple[str, ...]]
    cultures: tuple[Culture, ...]
    regions: tuple[Region, ...]
    publishers: tuple[Publisher, ...]
    followups: Mapping[str, Followups]

    @property
    def categories(self) -> tuple[str, ...]:
        """Category names in file order, each once."""
        return tuple(dict.fromkeys(sub.category for sub in self.subcategories))

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages articles are written in, English first."""
        return tuple(self.followups)
