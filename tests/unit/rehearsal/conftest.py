"""A tiny world that the service has lived through, made once."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from feedrank.rehearsal.loop import service_settings
from feedrank.rehearsal.service import RehearsedService
from feedrank.rehearsal.vectors import KnownTexts, texts_of
from feedrank.simulator import World, WorldSettings
from feedrank.simulator.visits import Visits, play

TINY = WorldSettings(users=40, items=300, days=2, seed=3, sessions_per_day=3.0)
DIMENSIONS = 24


@dataclass(frozen=True, slots=True)
class Lived:
    """A service whose days are over, still open for questions."""

    world: World
    service: RehearsedService
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
    visits = play(tiny_world, TINY.days, service)
    yield Lived(tiny_world, service, visits)
    service.close()
