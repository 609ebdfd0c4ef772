"""A tiny world that the service has lived through, made once."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from feedrank.rehearsal.loop import service_settings
from feedrank.rehearsal.service import RehearsedService
from feedrank.rehearsal.vectors import KnownTexts, texts_of
from feedrank.simulator import World, WorldSettings
from feedrank.simulator.visits import Ask, Visits, play
from feedrank.types import I64, Event, Micros

TINY = WorldSettings(users=40, items=300, days=2, seed=3, sessions_per_day=3.0)
DIMENSIONS = 24


@dataclass(slots=True)
class Watched:
    """A service that remembers what it was asked and what it served."""

    service: RehearsedService
    served: list[tuple[Ask, I64]] = field(default_factory=list)

    def rank(self, ask: Ask) -> I64:
        self.served.append((ask, self.service.rank(ask)))
        return self.served[-1][1]

    def observe(self, events: Sequence[Event]) -> None:
        self.service.observe(events)

    def end_day(self, midnight: Micros) -> None:
        self.service.end_day(midnight)


@dataclass(frozen=True, slots=True)
class Lived:
    """A service whose days are over, still open for questions."""

    world: World
    service: RehearsedService
    served: list[tuple[Ask, I64]]
    visits: Visits


def words_as_vectors(world: World) -> KnownTexts:
    """Words shared are similarity: no torch, and the same anywhere."""
    texts = texts_of(world)
    words = sorted({word for text in texts for word in text.split()})
    seeds = {word: int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little") for word in words}
    directions = {word: np.random.default_rng(seed).standard_normal(DIMENSIONS) for word, seed in seeds.items()}
    sums = np.array([np.sum([directions[word] for word in text.split()], axis=0) for text in texts])
    return KnownTexts("text:words", texts, (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32))


@pytest.fixture(scope="package")
def tiny_world() -> World:
    return World.build(TINY)


@pytest.fixture(scope="package")
def encoder(tiny_world: World) -> KnownTexts:
    return words_as_vectors(tiny_world)


@pytest.fixture(scope="package")
def lived(tiny_world: World, encoder: KnownTexts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    folder: Path = tmp_path_factory.mktemp("lived")
    service = RehearsedService(tiny_world, folder, service_settings(folder / "models", "none", TINY), encoder)
    watched = Watched(service)
    visits = play(tiny_world, TINY.days, watched)
    service.flush()
    yield Lived(tiny_world, service, watched.served, visits)
    service.close()
