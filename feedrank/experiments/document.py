"""All of `experiments.toml`: its experiments, holdout and shadows, read with errors that name what is wrong and where.

Beyond what must hold of one experiment: names are distinct, experiments of one layer do not overlap, and no two layers
change the same thing, since one request may take part in an experiment of each. Knows nothing of models' files or of
what ruled before.
"""

import hashlib
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

from pydantic import BaseModel, Field, ValidationError, model_validator

from feedrank.errors import InvalidInput
from feedrank.experiments.definitions import FROZEN, Experiment, Holdout, Shadow, State

HOLDOUT = "holdout"  # as an experiment of slates: held | open
MOST_EXPERIMENTS = 200
MOST_MODELS = 8  # distinct versions that variants and shadows may keep in memory at once
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Experiments(BaseModel):
    """The whole file."""

    model_config = FROZEN

    experiment: tuple[Experiment, ...] = Field((), max_length=MOST_EXPERIMENTS)
    holdout: Holdout | None = None
    shadow: tuple[Shadow, ...] = Field((), max_length=MOST_MODELS)

    @model_validator(mode="after")
    def _sound_together(self) -> "Experiments":
        names = [e.name for e in self.experiment] + [s.name for s in self.shadow]
        repeated = next((n for n in names if names.count(n) > 1), None)
        if repeated is not None:
            raise ValueError(f"two experiments or shadows are named {repeated!r}")
        if HOLDOUT in names:
            raise ValueError(f"no experiment can be called {HOLDOUT!r}: that is what the holdout is called")
        for a, b in combinations([e for e in self.experiment if e.enabled], 2):
            if a.layer == b.layer and a.unit is not b.unit:
                raise ValueError(f"{a.name!r} and {b.name!r} share layer {a.layer!r} but not their unit; give one unit")
            if not _meet(a, b):
                continue
            if a.layer == b.layer:
                _check_apart(a, b)
            elif both := sorted(a.touched & b.touched):
                raise ValueError(
                    f"{a.name!r} and {b.name!r} both change {both[0]!r} in different layers; put them in one layer"
                )
        return self

    def find(self, name: str) -> Experiment | None:
        """The experiment of this name, or None."""
        return next((e for e in self.experiment if e.name == name), None)

    def live(self, at: datetime) -> list[Experiment]:
        """Experiments that run, or will."""
        return [e for e in self.experiment if e.state(at) in (State.RUNNING, State.SCHEDULED)]

    def models(self, at: datetime) -> frozenset[str]:
        """The versions that live experiments and shadows name."""
        variants = (e.models for e in self.live(at))
        return frozenset(s.model for s in self.shadow if s.enabled).union(*variants)


def _meet(a: Experiment, b: Experiment) -> bool:
    """Whether there is an instant at which both may run."""
    return max(a.start or _FIRST, b.start or _FIRST) < min(a.end or _LAST, b.end or _LAST)


def _check_apart(a: Experiment, b: Experiment) -> None:
    first, until = max(a.buckets[0], b.buckets[0]), min(a.buckets[1], b.buckets[1])
    if first < until:
        raise ValueError(
            f"{a.name!r} and {b.name!r} overlap in layer {a.layer!r}: both hold buckets {first} up to {until}; "
            "experiments of one layer exclude each other"
        )


NO_EXPERIMENTS = Experiments()


def parse_experiments(text: str) -> Experiments:
    """Experiments from TOML. InvalidInput names the experiment, the variant and the field."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"the experiments are not valid TOML: {error}") from error
    try:
        return Experiments.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        raise InvalidInput(f"the experiments are not valid: {_where(data, first['loc'])}{message}") from error
    except InvalidInput as error:  # of a setting, whose own error says which
        raise InvalidInput(f"the experiments are not valid: {error}") from error


def _where(data: Any, place: Sequence[int | str]) -> str:
    """A place in the file in words: experiment 'a', variant 'b', weight."""
    words: list[str] = []
    for step in place:
        if isinstance(step, int) and isinstance(data, list) and words:
            data = data[step]
            name = data.get("name") if isinstance(data, dict) else None
            words[-1] += f" {name!r}" if isinstance(name, str) else f" {step + 1}"
        else:
            data = data.get(step) if isinstance(data, dict) else None
            words.append(str(step))
    return ", ".join(words) + ": " if words else ""


def experiments_hash(text: str) -> bytes:
    """What a slate keeps of the definitions that ruled it: 16 bytes."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
