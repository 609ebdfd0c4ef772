"""`feedrank doctor`: is this machine, this data directory and this registry fit to serve?

Every check runs and reports, whatever the others found. Makes no data directory where there is none. Knows nothing of
how findings are shown.
"""

import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from feedrank.errors import FeedRankError, InvalidInput, NotFound, Unavailable
from feedrank.features import fingerprint_of
from feedrank.index.encoder import NONE, PACKAGED, PACKAGED_SHA256, packaged_folder, space_of
from feedrank.kernels import COMPILED, INSTRUCTIONS
from feedrank.records import ItemDeleted, ItemUpserted, Kind, decode
from feedrank.registry import Registry
from feedrank.serving.models import champion_or_prior
from feedrank.settings import Settings
from feedrank.store import LogStore
from feedrank.store.connections import FILE_NAME
from feedrank.store.schema import SCHEMA_VERSION
from feedrank.store.sqlite import SqliteStore

MIN_PYTHON = (3, 11)
LIBRARIES = (
    "faiss-cpu",
    "grpcio",
    "lightgbm",
    "numpy",
    "prometheus-client",
    "protobuf",
    "sentence-transformers",
    "torch",
)
MIN_FREE_BYTES = 1 << 30  # a write-ahead log, a snapshot and a compaction together take less
_PAGE = 10_000  # records read at a time


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found."""

    name: str
    ok: bool
    finding: str


def examine(data_dir: Path, settings: Settings) -> list[Check]:
    """Runs every check."""
    checks = [_check("python", _python)]
    checks += [_check(name, partial(version, name)) for name in LIBRARIES]
    checks += [
        _check("kernels", _kernels),
        _check("data directory", lambda: _data_directory(data_dir)),
        _check("log", lambda: _log(data_dir, settings)),
        _check("encoder", lambda: _encoder(settings)),
        _check("champion", lambda: _champion(settings)),
        _check("free disk", lambda: _free_disk(data_dir)),
    ]
    return checks


def _check(name: str, find: Callable[[], str]) -> Check:
    try:
        return Check(name, True, find())
    except PackageNotFoundError:
        return Check(name, False, "is not installed; install requirements.lock")
    except FeedRankError as error:
        return Check(name, False, str(error))


def _python() -> str:
    if sys.version_info < MIN_PYTHON:
        raise InvalidInput(f"{platform.python_version()} is too old; feedrank needs {'.'.join(map(str, MIN_PYTHON))}")
    return platform.python_version()


def _kernels() -> str:
    if not COMPILED:
        raise Unavailable(
            "not compiled: feedrank runs in NumPy, several times slower; install again beside a C compiler"
        )
    return INSTRUCTIONS


def _data_directory(data_dir: Path) -> str:
    if not data_dir.is_dir():
        raise NotFound(f"{data_dir} is no directory; `serve` and the importers make it")
    if not (data_dir / FILE_NAME).is_file():
        raise NotFound(f"{data_dir} holds no {FILE_NAME}; `serve` and the importers make it")
    return str(data_dir.resolve())


def _log(data_dir: Path, settings: Settings) -> str:
    _data_directory(data_dir)
    store = SqliteStore.open(data_dir, settings)
    try:
        items, events = _count(store)
        return f"schema {SCHEMA_VERSION}, position {store.position():,}: {items:,} items, {events:,} events"
    finally:
        store.close()


def _count(store: LogStore) -> tuple[int, int]:
    """Items that are not deleted, and events, in the whole log."""
    alive: set[int] = set()
    events = after = 0
    while records := store.read(after, _PAGE):
        after = records[-1].offset
        for record in records:
            if record.kind == Kind.EVENT:
                events += 1
            elif record.kind in (Kind.ITEM_UPSERTED, Kind.ITEM_DELETED):
                fact = decode(record)
                if isinstance(fact, ItemUpserted):
                    alive.add(fact.row)
                elif isinstance(fact, ItemDeleted):
                    alive.discard(fact.row)
    return len(alive), events


def _encoder(settings: Settings) -> str:
    if settings.encoder == NONE:
        return "none: feeds are ranked without text"
    if settings.encoder == PACKAGED:
        packaged_folder()
        return f"{PACKAGED}, sha256 {PACKAGED_SHA256[:12]}… as published"
    return f"{space_of(settings.encoder)}"


def _champion(settings: Settings) -> str:
    model = champion_or_prior(Registry(settings.models_dir, fingerprint_of), settings)
    return f"{model.version} loads from {settings.models_dir}"


def _free_disk(data_dir: Path) -> str:
    place = next(path for path in (data_dir.resolve(), *data_dir.resolve().parents) if path.is_dir())
    free = shutil.disk_usage(place).free
    if free < MIN_FREE_BYTES:
        raise Unavailable(f"{free / 1e9:.1f} GB at {place}; at least {MIN_FREE_BYTES / 1e9:.1f} GB should be free")
    return f"{free / 1e9:.1f} GB at {place}"
