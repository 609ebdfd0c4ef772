"""An encoder that is quick and plain: words shared are similarity."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest

from feedrank.errors import Unavailable


class WordEncoder:
    """A sum of one fixed direction a word. `encoded` keeps every text it was given; `broken` makes it fail."""

    space = "text:words"
    dimensions = 32

    def __init__(self) -> None:
        self.encoded: list[str] = []
        self.broken = False

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        if self.broken:
            raise Unavailable("the encoder is broken")
        self.encoded += texts
        values = np.array([sum(self._word(word) for word in text.split()) for text in texts]).reshape(-1, 32)
        vectors: np.ndarray = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
        return vectors

    def _word(self, word: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
        return np.random.default_rng(seed).standard_normal(32)


@pytest.fixture
def words() -> WordEncoder:
    return WordEncoder()
