"""What the training commands share at the terminal: opening a data directory, progress, tables, JSON, and exit codes.

Exit 0: done. 1: the store or the registry failed. 2: wrong flags, names or data. Knows nothing of training itself.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from feedrank.errors import Conflict, FeedRankError, InvalidInput, NotFound
from feedrank.settings import Settings
from feedrank.store.connections import FILE_NAME
from feedrank.store.sqlite import SqliteStore
from feedrank.training.train import Watch

FAILED, WRONG_INPUT = 1, 2

STDOUT = Path("-")  # `--json -`

err = Console(stderr=True)


@contextmanager
def reported_errors() -> Iterator[None]:
    """Ends the command with a message on stderr and an exit code instead of a traceback."""
    try:
        yield
    except (InvalidInput, NotFound, Conflict, ValidationError) as error:
        err.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(WRONG_INPUT) from error
    except FeedRankError as error:
        err.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(FAILED) from error


@contextmanager
def opened(data_dir: Path) -> Iterator[SqliteStore]:
    """The store of an existing data directory. InvalidInput where there is none: a typo must not make an empty one."""
    if not (data_dir / FILE_NAME).is_file():
        raise InvalidInput(
            f"--data-dir {data_dir}: there is no feedrank data ({FILE_NAME}); import or serve there first"
        )
    store = SqliteStore.open(data_dir, Settings())
    try:
        yield store
    finally:
        store.close()


@contextmanager
def watching() -> Iterator[Watch]:
    """Progress bars on stderr, one a phase."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as progress:

        def watch(phase: str, total: int | None) -> Any:
            task = progress.add_task(phase, total=total)
            return lambda done: progress.advance(task, done)

        yield watch


def console_for(json_file: Path | None) -> Console:
    """Where to speak to people: stdout, or stderr where `--json -` wants stdout for the machine.

    InvalidInput, before any work is done, if `--json` names a folder that does not exist.
    """
    if json_file == STDOUT:
        return err
    if json_file is not None and not json_file.parent.is_dir():
        raise InvalidInput(f"--json {json_file}: there is no folder {json_file.parent}; make it first")
    return Console()


def write_json(json_file: Path | None, values: Mapping[str, Any]) -> None:
    """Writes the file, if one was asked for; "-" is stdout. InvalidInput if it cannot be written."""
    if json_file is None:
        return
    text = json.dumps(values, indent=2) + "\n"
    if json_file == STDOUT:
        sys.stdout.write(text)
        return
    try:
        json_file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"--json {json_file}: cannot be written ({error.strerror}); all else is done") from error
