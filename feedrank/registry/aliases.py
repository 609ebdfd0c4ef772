"""Aliases: which version is champion, and every change of it with its reason. One JSON file, replaced whole under a
lock.

Knows nothing of what a version holds.
"""

import fcntl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from feedrank.errors import Conflict, NotFound, RegistryError
from feedrank.registry.files import replace_whole
from feedrank.registry.gate_record import GateRecord
from feedrank.registry.references import split
from feedrank.types import Micros


class Change(BaseModel):
    """An alias came to mean another version."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alias: str
    reference: str  # NAME@VERSION
    previous: str  # "" for none
    reason: str
    at: Micros
    gate: GateRecord | None = None  # what the gate found; None for a rollback, and before there was one


class AliasFile(BaseModel):
    """aliases.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    current: dict[str, str] = {}
    history: tuple[Change, ...] = ()


class Aliases:
    """The alias file of a registry folder. Safe with several processes."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "aliases.json"

    def read(self) -> AliasFile:
        """The file as it stands. RegistryError if it does not parse."""
        try:
            return AliasFile.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return AliasFile()
        except (ValidationError, OSError) as error:
            raise RegistryError(f"{self._path}: it cannot be read; restore it or delete it: {error}") from error

    def set(self, alias: str, reference: str, reason: str, gate: GateRecord | None = None) -> None:
        """Points an alias at a version and notes why. Nothing changes, and nothing is noted, if it points there
        already.

        Conflict if `gate` compared the version with another than the alias means by now.
        """
        with self._locked():
            file = self.read()
            previous = file.current.get(alias, "")
            if previous == reference:
                return
            if gate is not None and gate.champion != previous:
                raise Conflict(
                    f"{alias!r} has come to mean {previous or 'nothing'} since {reference} was compared with "
                    f"{gate.champion or 'nothing'}: compare again"
                )
            at = time.time_ns() // 1000
            change = Change(alias=alias, reference=reference, previous=previous, reason=reason, at=at, gate=gate)
            changed = AliasFile(current={**file.current, alias: reference}, history=(*file.history, change))
            replace_whole(self._path, changed.model_dump_json(indent=2).encode() + b"\n")

    def before(self, alias: str, name: str) -> str:
        """What to roll back to: the version the alias meant before the present one.

        With the alias's own name that of whichever model; with a model's name the last one of that model. Rolling back
        again goes further back, not to and fro. NotFound without one.
        """
        trail = _trail([change.reference for change in self.read().history if change.alias == alias])
        for reference in reversed(trail[:-1]):
            if name in (alias, split(reference)[0]):
                return reference
        whose = "" if name == alias else f" of model {name!r}"
        raise NotFound(f"{alias!r} has meant no earlier version{whose}; promote the version to go back to by its name")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = self._path.with_suffix(".lock").open("w")
        except OSError as error:
            raise RegistryError(f"{self._path}: it cannot be locked: {error.strerror}") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _trail(references: Sequence[str]) -> list[str]:
    """The versions that led to the present one, oldest first. Coming back to one undoes all that followed it."""
    trail: list[str] = []
    for reference in references:
        if reference in trail:
            del trail[trail.index(reference) :]
        trail.append(reference)
    return trail
