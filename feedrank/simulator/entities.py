"""The recurring people, teams, companies and places of one world, and invented names.

Kinds come from the text files; who exists, and how often each is in the news, from the seed. Knows nothing of
articles.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from feedrank.simulator.lexicon import Culture, Kind, Lexicon
from feedrank.types import F64, I32, I64

ZIPF_EXPONENT = 0.7  # a few entities of a kind are in the news all the time, most now and then
PLAIN_NAME_ATTEMPTS = 4
INITIALS = "ABCDEFGHJKLMNPRSTVW"


@dataclass(frozen=True, slots=True)
class Entities:
    """Columns over entity numbers 0..n-1."""

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    parents: I32  # (n,) the entity it belongs to (a player's club), -1 where none
    weights: F64  # (n,) how often it is in the news, within its kind
    by_kind: Mapping[str, I64]

    def pool(self, kind: str, parent: int = -1) -> I64:
        """The numbers of a kind, or of those of the kind that belong to `parent`."""
        numbers = self.by_kind[kind]
        return numbers if parent < 0 else numbers[self.parents[numbers] == parent]

    def choose(self, numbers: Sequence[int], rng: np.random.Generator) -> int:
        """One of the given entities, by weight."""
        edges = np.cumsum(self.weights[list(numbers)])
        return numbers[int(np.searchsorted(edges, rng.random() * edges[-1], side="right"))]


class NamePool:
    """Draws full names, avoiding those the world already has."""

    def __init__(self, cultures: tuple[Culture, ...], rng: np.random.Generator) -> None:
        self._cultures = cultures
        self._rng = rng
        self._taken: set[str] = set()

    def draw(self, language: str) -> str:
        """A full name fit for an article of the language; with an initial, or of a namesake, once names run short."""
        cultures = [culture for culture in self._cultures if language in culture.languages]
        weights = np.array([culture.weight for culture in cultures])
        for attempt in range(2 * PLAIN_NAME_ATTEMPTS):
            culture = cultures[int(self._rng.choice(len(cultures), p=weights / weights.sum()))]
            first = culture.first[int(self._rng.integers(len(culture.first)))]
            last = culture.last[int(self._rng.integers(len(culture.last)))]
            initial = f" {INITIALS[int(self._rng.integers(len(INITIALS)))]}." if attempt >= PLAIN_NAME_ATTEMPTS else ""
            name = f"{first}{initial} {last}"
            if name not in self._taken:
                break
        self._taken.add(name)
        return name


def build_entities(lexicon: Lexicon, names: NamePool, rng: np.random.Generator) -> Entities:
    """Every entity of the lexicon's kinds; owners come before those who belong to them."""
    labels: list[str] = []
    kinds: list[str] = []
    parents: list[int] = []
    weights: list[float] = []
    by_kind: dict[str, I64] = {}

    def add(kind: Kind) -> None:
        if kind.of and kind.of not in by_kind:
            add(lexicon.kinds[kind.of])
        start = len(labels)
        if kind.of:
            owners = [int(owner) for owner in by_kind[kind.of] for _ in range(kind.each)]
            members = [names.draw(kind.language) for _ in owners]
        else:
            members = list(kind.names) or [names.draw(kind.language) for _ in range(kind.people)]
            owners = [-1] * len(members)
        labels.extend(members)
        kinds.extend([kind.name] * len(members))
        parents.extend(owners)
        ranks = rng.permutation(len(members)) + 1.0
        weights.extend((ranks**-ZIPF_EXPONENT).tolist())
        by_kind[kind.name] = np.arange(start, len(labels), dtype=np.int64)

    for kind in lexicon.kinds.values():
        if kind.name not in by_kind:
            add(kind)
    return Entities(
        tuple(labels), tuple(kinds), np.array(parents, dtype=np.int32), np.array(weights, dtype=np.float64), by_kind
    )
