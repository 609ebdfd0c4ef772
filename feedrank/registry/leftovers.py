"""Leftovers of writers that were killed, swept as soon as nobody writes.

A writer holds a shared lock, which ends with its process however that ends. Whoever gets the lock alone knows that
every unfinished folder belongs to nobody. Knows nothing of what they hold.
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from feedrank.errors import RegistryError

NEW_PREFIX = ".new-"  # of folders in the making
LOCK = ".writing.lock"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Marks the registry in `folder` as being written to. What killed writers left goes first, if no other writes.

    RegistryError if the folder cannot be made or locked.
    """
    with _opened(folder) as lock:
        _sweep_alone(folder, lock)
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def sweep(folder: Path) -> tuple[str, ...]:
    """Removes what killed writers left, unless somebody writes now; the names of what went. RegistryError."""
    if not folder.is_dir():
        return ()
    with _opened(folder) as lock:
        return _sweep_alone(folder, lock)


def _sweep_alone(folder: Path, lock: IO[str]) -> tuple[str, ...]:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return ()
    try:
        left = sorted(folder.glob(f"*/{NEW_PREFIX}*"))
        for path in left:
            shutil.rmtree(path)
        return tuple(f"{path.parent.name}/{path.name}" for path in left)
    except OSError as error:
        raise RegistryError(f"{folder}: what a killed writer left cannot be removed: {error}") from error
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


def _opened(folder: Path) -> IO[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / LOCK).open("w")
    except OSError as error:
        raise RegistryError(f"{folder}: the registry cannot be written to: {error.strerror}") from error
