"""Model versions on disk: MODELS/<name>/<version>/ with a manifest, written whole or not at all, verified before use.

The sum of the manifest stands in a file beside it; the manifest holds the sums of all others. Knows nothing of training
or serving.
"""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from feedrank.errors import Conflict, InvalidInput, NotFound, RegistryError
from feedrank.registry.aliases import Aliases, Change
from feedrank.registry.files import check_room, read_whole, sha256, write_folder
from feedrank.registry.gate_record import GateRecord
from feedrank.registry.golden import GOLDEN_FILE, MODEL_FILE, ROWS, golden_bytes, scores_in_child, verify_in_child
from feedrank.registry.leftovers import sweep, writing
from feedrank.registry.manifest import (
    CalibrationTable,
    DataRange,
    FingerprintOf,
    LinearYardstick,
    Manifest,
    check_features,
    feature_entries,
)
from feedrank.registry.references import PRIOR, check_name, is_name, is_version, split, version_of
from feedrank.types import F32, F64, Micros

MANIFEST_FILE, MANIFEST_SUM_FILE = "manifest.json", "manifest.sha256"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Version:
    """A registered version, as listed."""

    name: str
    version: str
    aliases: tuple[str, ...]
    created_at: Micros
    metrics: Mapping[str, float]

    @property
    def reference(self) -> str:
        """NAME@VERSION."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A verified version: its sums match, its features are unchanged, a child process found its golden scores."""

    reference: str  # NAME@VERSION
    manifest: Manifest
    model_text: str  # LightGBM's text form


@dataclass(frozen=True, slots=True)
class Measures:
    """What training measured beside the model, for serving and for judging it later."""

    calibration: CalibrationTable | None = None
    yardstick: LinearYardstick | None = None


class Registry:
    """The versions and aliases under one folder. `fingerprint_of` says what features this code defines."""

    def __init__(self, folder: Path, fingerprint_of: FingerprintOf) -> None:
        self.folder = folder
        self._fingerprint_of = fingerprint_of
        self._aliases = Aliases(folder)
        self._proven: set[tuple[str, ...]] = set()  # columns and sums of what a child of this process has loaded

    def check_new(self, name: str) -> None:
        """Raises what `publish` would, before the work: InvalidInput for a name that is no plain word, Conflict for one
        taken, RegistryError for a disk that is full.
        """
        check_name(name)
        if name == PRIOR:
            raise Conflict(f"{PRIOR!r} names the scorer that needs no training; choose another name")
        if name in self._aliases.read().current:
            raise Conflict(f"{name!r} is an alias; a model of that name could not be told from it: choose another")
        check_room(self.folder)

    def publish(
        self,
        name: str,
        model_text: str,
        features: Sequence[str],
        space: str,
        golden_rows: F32,
        golden_scores: F64 | None = None,
        *,
        counter_delay_s: float = 0.0,
        data: DataRange | None = None,
        metrics: Mapping[str, float] | None = None,
        params: Mapping[str, str | int | float | bool] | None = None,
        measures: Measures | None = None,
        libraries: Mapping[str, str] | None = None,
        git_commit: str = "",
        notes: str = "",
    ) -> str:
        """Registers a version and returns NAME@VERSION. It is checked in a child process before it appears.

        Without `golden_scores`, what the child finds becomes golden. InvalidInput or Conflict for the name,
        RegistryError for unknown features, a model that does not load or does not read them, and a folder that cannot
        be written. Metrics that are not finite are left out.
        """
        self.check_new(name)
        entries = feature_entries(features, space, self._fingerprint_of)
        created_at = time.time_ns() // 1000
        model = model_text.encode()
        version = version_of(created_at, sha256(model))
        rows = golden_rows[:ROWS]

        def make(aside: Path) -> Mapping[str, bytes]:
            (aside / MODEL_FILE).write_bytes(model)
            given = (
                golden_bytes(rows, golden_scores)
                if golden_scores is not None
                else golden_bytes(rows, np.zeros(len(rows)))
            )
            (aside / GOLDEN_FILE).write_bytes(given)
            if golden_scores is not None:
                verify_in_child(aside, features)
                golden = given
            else:
                golden = golden_bytes(rows, scores_in_child(aside, rows, features))
            files = {MODEL_FILE: model, GOLDEN_FILE: golden}
            manifest = Manifest(
                name=name,
                version=version,
                created_at=created_at,
                features=entries,
                space=space,
                counter_delay_s=counter_delay_s,
                data=data or DataRange(),
                metrics={key: value for key, value in (metrics or {}).items() if math.isfinite(value)},
                params=dict(params or {}),
                calibration=measures.calibration if measures else None,
                yardstick=measures.yardstick if measures else None,
                libraries=dict(libraries or {}),
                git_commit=git_commit,
                notes=notes,
                files={file: sha256(content) for file, content in files.items()},
            )
            body = manifest.model_dump_json(indent=2).encode() + b"\n"
            return {**files, MANIFEST_FILE: body, MANIFEST_SUM_FILE: sha256(body).encode() + b"\n"}

        with writing(self.folder):
            write_folder(self.folder / name / version, make)
        return f"{name}@{version}"

    def resolve(self, reference: str) -> str:
        """NAME@VERSION of an alias, a NAME (its newest version) or a NAME@VERSION. NotFound names what there is."""
        file = self._aliases.read()
        name, version = split(file.current.get(reference, reference))
        check_name(name)
        versions = self._versions_of(name)
        if not versions:
            known = ", ".join([*self._names(), *sorted(file.current)]) or "none; train one with scripts/train.py"
            raise NotFound(f"no model or alias is called {name!r} in {self.folder}; there is: {known}")
        if version and version not in versions:
            raise NotFound(f"model {name!r} has no version {version!r}; its newest is {versions[-1]}")
        return f"{name}@{version or versions[-1]}"

    def load(self, reference: str) -> LoadedModel:
        """A version, verified: sums, then features, then golden scores in a child process. RegistryError, NotFound.

        What a child has loaded need not be loaded by another, as long as its sums are the same.
        """
        resolved = self.resolve(reference)
        name, version = split(resolved)
        folder = self.folder / name / version
        manifest = self._manifest(folder)
        if (manifest.name, manifest.version) != (name, version):
            raise RegistryError(f"{folder}: its manifest is of {manifest.name}@{manifest.version}; move it back there")
        contents = {}
        for file in (MODEL_FILE, GOLDEN_FILE):
            if file not in manifest.files:
                raise RegistryError(f"{folder}: its manifest lists no {file}; retrain it")
            contents[file] = read_whole(folder / file)
            if sha256(contents[file]) != manifest.files[file]:
                raise RegistryError(f"{folder / file}: altered since it was registered; restore it or retrain")
        check_features(manifest, str(folder), self._fingerprint_of)
        proven = (*manifest.feature_names, *(manifest.files[file] for file in contents))
        if proven not in self._proven:
            verify_in_child(folder, manifest.feature_names)
            self._proven.add(proven)
        return LoadedModel(resolved, manifest, contents[MODEL_FILE].decode())

    def manifest(self, reference: str) -> Manifest:
        """The manifest of a version, its sum verified."""
        name, version = split(self.resolve(reference))
        return self._manifest(self.folder / name / version)

    def _manifest(self, folder: Path) -> Manifest:
        body = read_whole(folder / MANIFEST_FILE)
        expected = read_whole(folder / MANIFEST_SUM_FILE).decode(errors="replace").strip()
        if sha256(body) != expected:
            raise RegistryError(f"{folder / MANIFEST_FILE}: altered since it was registered; restore it or retrain")
        try:
            return Manifest.model_validate_json(body)
        except ValidationError as error:
            raise RegistryError(f"{folder / MANIFEST_FILE}: not a manifest this feedrank reads: {error}") from error

    def versions(self) -> list[Version]:
        """All versions, newest first. One whose manifest is damaged is left out, and the log says so."""
        current = self._aliases.read().current
        found = []
        for name in self._names():
            for version in self._versions_of(name):
                try:
                    manifest = self._manifest(self.folder / name / version)
                except RegistryError as error:
                    log.warning("a model version is not listed: %s", error)
                    continue
                aliases = tuple(sorted(a for a, r in current.items() if r == f"{name}@{version}"))
                found.append(Version(name, version, aliases, manifest.created_at, manifest.metrics))
        return sorted(found, key=lambda v: v.created_at, reverse=True)

    def resolve_alias(self, alias: str) -> str:
        """NAME@VERSION of an alias, "" if it is not set."""
        return self._aliases.read().current.get(alias, "")

    def set_alias(self, alias: str, reference: str, reason: str, gate: GateRecord | None = None) -> None:
        """Points an alias at an existing version, with the reason and what a gate found kept in its history. Does not
        load it. Conflict if the gate compared it with another version than the alias means by now.
        """
        check_name(alias)
        if alias == PRIOR or alias in self._names():
            raise InvalidInput(f"{alias!r} is the name of a model; an alias of that name would hide it: choose another")
        self._aliases.set(alias, self.resolve(reference), reason, gate)

    def previous(self, alias: str, name: str) -> str:
        """What to roll an alias back to: its previous version, of model `name` if that is not the alias itself.
        NotFound.
        """
        return self._aliases.before(alias, name)

    def history(self, alias: str) -> tuple[Change, ...]:
        """Every change of an alias, oldest first."""
        return tuple(change for change in self._aliases.read().history if change.alias == alias)

    def sweep(self) -> tuple[str, ...]:
        """Removes what killed writers left, unless somebody writes now; publishing does so too. The names of what
        went.
        """
        return sweep(self.folder)

    def _names(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        found = (p.name for p in self.folder.iterdir() if p.is_dir() and is_name(p.name))
        return sorted(name for name in found if self._versions_of(name))  # a failed first version leaves a folder

    def _versions_of(self, name: str) -> list[str]:
        folder = self.folder / name
        return sorted(p.name for p in folder.iterdir() if is_version(p.name)) if folder.is_dir() else []
