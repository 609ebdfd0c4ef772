"""Reads the packaged text files into a `Lexicon`, and refuses what does not fit together.

Files: one TOML per category, one per further language, and names, places, publishers and followups. Knows only their
form.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from feedrank.errors import InvalidInput
from feedrank.simulator.lexicon import (
    Culture,
    FactSpec,
    Followups,
    Frame,
    Kind,
    Lexicon,
    Publisher,
    Region,
    Subcategory,
)
from feedrank.simulator.templates import check

CATEGORY_FILES = (
    "politics", "business", "technology", "science", "health", "sports",
    "culture", "travel", "food", "climate", "crime", "local",
)  # fmt: skip
LANGUAGE_FILES = ("danish", "german")
_SCALARS = {"int": (2, 3), "dec": (2, 2), "year": (2, 2), "pick": (1, 1)}  # arguments: at least, at most
_BARE = ("person", "home", "district", "street")
_BUILT_IN = frozenset({"day"})

_Table = Mapping[str, Any]  # TOML is a mapping at the edge; nothing beyond this module sees it


@cache
def load_lexicon() -> Lexicon:
    """The packaged lexicon, read once per process. Raises InvalidInput naming the file and frame that is wrong."""
    categories = {name: _read(name) for name in CATEGORY_FILES}
    languages = {name: _read(name) for name in LANGUAGE_FILES}
    places = _read("places")
    everything = [places, *categories.values(), *languages.values()]
    kinds = {name: kind for table in everything for name, kind in _kinds(table).items()}
    lists = {name: tuple(values) for table in everything for name, values in table.get("lists", {}).items()}
    foreign: dict[tuple[str, str], dict[str, tuple[Frame, ...]]] = {}
    for file, table in languages.items():
        for sub in table["subcategories"]:
            key = (sub["category"], sub["name"])
            foreign.setdefault(key, {})[table["language"]] = _frames(sub, f"{file}.toml: {key[1]}", kinds, lists)
    subcategories = []
    for file, table in categories.items():
        for sub in table["subcategories"]:
            english = _frames(sub, f"{file}.toml: {sub['name']}", kinds, lists)
            frames = {"en": english, **foreign.pop((table["name"], sub["name"]), {})}
            subcategories.append(_subcategory(table, sub, frames))
    if foreign:
        raise InvalidInput(f"subcategories {sorted(foreign)} have no English file; correct their names")
    return Lexicon(
        subcategories=tuple(subcategories),
        kinds=kinds,
        lists=lists,
        cultures=tuple(
            Culture(c["weight"], tuple(c["languages"]), tuple(c["first"]), tuple(c["last"]))
            for c in _read("names").values()
        ),
        regions=tuple(_region(region) for region in places["regions"]),
        publishers=tuple(_publisher(publisher) for publisher in _read("publishers")["publishers"]),
        followups={language: _followups(language, table) for language, table in _read("followups").items()},
    )


def _read(name: str) -> _Table:
    file = resources.files("feedrank.simulator").joinpath("text", f"{name}.toml")
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{name}.toml is not valid TOML: {error}") from error


def _kinds(table: _Table) -> dict[str, Kind]:
    language = table.get("language", "en")
    return {
        name: Kind(
            name,
            tuple(spec.get("names", ())),
            spec.get("people", 0),
            spec.get("of", ""),
            spec.get("each", 0),
            language,
        )
        for name, spec in table.get("kinds", {}).items()
    }


def _subcategory(category: _Table, sub: _Table, frames: Mapping[str, tuple[Frame, ...]]) -> Subcategory:
    also = sub.get("also", "")
    pair = tuple(also.split("/"))
    return Subcategory(
        category=category["name"],
        name=sub["name"],
        weight=category["weight"] * sub["weight"],
        half_life_hours=sub["half_life_hours"],
        hours=category["hours"],
        queries=tuple(sub["queries"]),
        also=(pair[0], pair[1]) if len(pair) == 2 else None,
        frames=frames,
    )


def _frames(
    sub: _Table, where: str, kinds: Mapping[str, Kind], lists: Mapping[str, tuple[str, ...]]
) -> tuple[Frame, ...]:
    return tuple(_frame(frame, f"{where}/{frame['name']}", kinds, lists) for frame in sub["frames"])


def _frame(table: _Table, where: str, kinds: Mapping[str, Kind], lists: Mapping[str, tuple[str, ...]]) -> Frame:
    facts = tuple(_fact(name, spec, where, kinds, lists) for name, spec in table["facts"].items())
    known = frozenset(fact.name for fact in facts) | _BUILT_IN
    texts = {part: tuple(table[part]) for part in ("titles", "leads", "details", "closers")}
    for template in (table["subject"], *(text for part in texts.values() for text in part)):
        check(template, known, where)
    return Frame(table["name"], facts, table["subject"], **texts, evergreen=table.get("evergreen", False))


def _fact(
    name: str, spec: str, where: str, kinds: Mapping[str, Kind], lists: Mapping[str, tuple[str, ...]]
) -> FactSpec:
    source, *args = spec.split(":")
    if source in _SCALARS:
        least, most = _SCALARS[source]
        if not least <= len(args) <= most or (source == "pick" and args[0] not in lists):
            raise InvalidInput(f"{where}: fact {name} = {spec!r} has wrong arguments or an unknown list")
        return FactSpec(name, source, tuple(args))
    if spec in _BARE:
        return FactSpec(name, spec, ())
    kind, _, owner = spec.partition(" of ")
    if kind not in kinds or (owner and not kinds[kind].of):
        raise InvalidInput(f"{where}: fact {name} = {spec!r} names no known kind of entity")
    return FactSpec(name, "entity", (kind, owner) if owner else (kind,))


def _region(table: _Table) -> Region:
    home = table["home"]
    homes = {"en": home, "da": table.get("home_da", home), "de": table.get("home_de", home)}
    return Region(
        table["code"],
        table["country"],
        homes,
        table["share"],
        table["utc_offset_hours"],
        tuple(table["districts"]),
        tuple(table["streets"]),
    )


def _publisher(table: _Table) -> Publisher:
    return Publisher(
        table["name"],
        table["language"],
        table["leaning"],
        table["tone"],
        table["size"],
        table["rigour"],
        table.get("region", ""),
        tuple(table.get("beats", ())),
    )


def _followups(language: str, table: _Table) -> Followups:
    known = frozenset({"subject", "expert", "day"})
    parts = {part: tuple(table[part]) for part in ("titles", "leads", "closers")}
    for template in (text for part in parts.values() for text in part):
        check(template, known, f"followups.toml: {language}")
    return Followups(**parts)
