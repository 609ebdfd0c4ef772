"""What a feature is: one definition in one place, from which schema, docs, fingerprint and tests follow.

Knows nothing of any particular feature.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from feedrank.features.frame import Frame
from feedrank.types import AnyArray


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of a feature row, float32.

    `reads` names what the value depends on besides code (half-lives, bounds, the vector space), for the fingerprint.
    `default` is the value where what it needs is unknown. A changed meaning gets a new name, never a new `version` of a
    name in use.
    """

    name: str
    family: str
    doc: str
    compute: Callable[[Frame], AnyArray]  # -> (n,)
    reads: tuple[str, ...] = ()
    default: float = float("nan")
    in_slate: bool = False  # depends on the whole scored candidate set
    reads_vectors: bool = False
    version: int = 1

    def fingerprint(self, space: str) -> str:
        """16 hex digits that change whenever the definition does. `space` counts for features that read vectors."""
        default = f"{self.default:g}"
        parts = [self.name, "float32", self.version, default, sorted(self.reads), space if self.reads_vectors else ""]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def values(self, frame: Frame) -> AnyArray:
        """The column, shape (n,), with `default` wherever `compute` gave NaN."""
        column = self.compute(frame)
        if self.default == self.default:
            column = np.where(np.isnan(column), self.default, column)
        return column
