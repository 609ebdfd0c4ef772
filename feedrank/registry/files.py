"""Files of a registry: read whole, written whole or not at all, on disk before they are seen.

Knows nothing of what they hold.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from feedrank.errors import RegistryError
from feedrank.registry.leftovers import NEW_PREFIX

ROOM = 32 * 2**20  # bytes: a version takes a few MB; with less free, the next write of anything may fail


def sha256(data: bytes) -> str:
    """The hex digest by which files are known."""
    return hashlib.sha256(data).hexdigest()


def read_whole(path: Path) -> bytes:
    """A file's bytes. RegistryError if it is missing or unreadable."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise RegistryError(
            f"{path}: a file of the model is missing or unreadable ({error.strerror}); restore it or retrain"
        ) from error


def check_room(folder: Path) -> None:
    """RegistryError unless the disk of `folder`, which need not exist yet, has room for a version."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < ROOM:
        raise RegistryError(
            f"{folder}: only {free / 2**20:.0f} MB are free on its disk; a model needs {ROOM / 2**20:.0f}: make room"
        )


def replace_whole(path: Path, data: bytes) -> None:
    """Replaces a file by another. RegistryError if it cannot be written; the old one then stands.

    One writer at a time: the half-written file of one that was killed is written over by the next.
    """
    partial = path.with_name(f".{path.name}.new")
    try:
        _write(partial, data)
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise RegistryError(f"{path}: it could not be written: {error.strerror}") from error


def write_folder(target: Path, make: Callable[[Path], Mapping[str, bytes]]) -> None:
    """Puts a folder in place in one rename, so that it exists whole or not at all.

    `make` is given an empty folder beside the target to work in, and returns the files to write. RegistryError if that
    fails, or if the target exists.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=NEW_PREFIX, dir=target.parent))
    except OSError as error:
        raise RegistryError(f"{target.parent}: no folder can be made there: {error.strerror}") from error
    try:
        for name, content in make(aside).items():
            _write(aside / name, content)
        aside.chmod(0o755)
        _sync_folder(aside)
        aside.rename(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise RegistryError(f"{target}: the version could not be written: {error.strerror}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """A rename is on disk once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
