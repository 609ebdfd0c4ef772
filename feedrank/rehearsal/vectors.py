"""Vectors of a world's texts, made once in a process of their own and kept in a file: by the service's own encoder.

An article's vector depends on its text alone, so a world that is lived through many times is embedded once. torch stays
out of the process that ranks: `python -m feedrank.rehearsal.vectors` is the one that loads it. Knows nothing of the
log.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from feedrank.errors import InvalidInput, Unavailable
from feedrank.index.encoder import document, load_encoder, space_of
from feedrank.simulator.settings import WorldSettings
from feedrank.simulator.world import World
from feedrank.types import F32

BATCH = 256


class KnownTexts:
    """An encoder (`feedrank.index.encoder.Encoder`) that has met every text it will be asked for."""

    def __init__(self, space: str, texts: Sequence[str], values: F32) -> None:
        """`values` are (n, d) float32 of unit length, one a text."""
        self.space, self.dimensions = space, int(values.shape[1])
        self._values: Mapping[str, F32] = dict(zip(texts, values, strict=True))

    def encode(self, texts: Sequence[str]) -> F32:
        """The vectors of known texts, (n, d). Unavailable for a text it has not met."""
        unknown = next((text for text in texts if text not in self._values), None)
        if unknown is not None:
            raise Unavailable(f"the text {unknown[:60]!r} is not of this world; delete the file of vectors")
        return np.stack([self._values[text] for text in texts]) if texts else np.empty((0, self.dimensions), np.float32)


def texts_of(world: World) -> list[str]:
    """Every text the world's service may have to embed: its articles, and all its readers may search for."""
    articles = [document(a, b) for a, b in zip(world.articles.titles, world.articles.bodies, strict=True)]
    phrases = [query for topic in world.lexicon.subcategories for query in topic.queries]
    return list(dict.fromkeys([*articles, *(document(query, "") for query in (*world.entities.names, *phrases))]))


def load_vectors(world: World, encoder: str, folder: Path) -> KnownTexts | None:
    """The world's vectors out of `folder`, made there by a child process if they are missing; None for "none".

    Raises Unavailable if the encoder fails, InvalidInput for one that does not exist.
    """
    space = space_of(encoder)
    if space is None:
        return None
    path = folder / f"vectors-{_key(world.settings, space)}.npy"
    if not path.is_file():
        settings = json.dumps(asdict(world.settings))
        command = [sys.executable, "-m", "feedrank.rehearsal.vectors", encoder, str(path), settings]
        if subprocess.run(command, check=False).returncode != 0:
            raise Unavailable(f"the texts of world {world.settings.seed} could not be embedded; its message is above")
    return KnownTexts(space, texts_of(world), np.load(path, allow_pickle=False))


def _key(settings: WorldSettings, space: str) -> str:
    return hashlib.sha256(repr((asdict(settings), space)).encode()).hexdigest()[:16]


def main(encoder: str, path: Path, settings: Annotated[str, typer.Argument(help="Of the world, as JSON.")]) -> None:
    """Embeds all texts of a world into a file of (n, d) float32."""
    texts = texts_of(World.build(WorldSettings(**json.loads(settings))))
    loaded = load_encoder(encoder, threads=1)
    if loaded is None:
        raise InvalidInput("there is nothing to embed with: the encoder is 'none'")
    values = np.concatenate([loaded.encode(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)])
    part = path.with_suffix(".part.npy")
    np.save(part, values)
    part.replace(path)


if __name__ == "__main__":
    typer.run(main)
