"""What the import commands share at the terminal: progress, the summary for people and machines, and exit codes.

Exit 0: done; rows may have been refused, and the summary says which. 1: nothing landed, or the store failed. 2: wrong
flags or files. Knows nothing of data sets.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from feedrank.errors import FeedRankError, InvalidInput
from feedrank.importers.plan import ImportPlan, Summary, Written
from feedrank.importers.write import write_plan
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore

FAILED, WRONG_INPUT = 1, 2


def run_import(
    read: Callable[[], ImportPlan], data_dir: Path, json_file: Path | None, serve_unlisted: bool | None
) -> None:
    """Reads, writes to the store in `data_dir`, prints the summary, and writes it to `json_file` if given.

    Raises typer.Exit with the codes above; messages go to stderr, the summary to stdout.
    """
    out, err = Console(), Console(stderr=True)
    if json_file is not None and not json_file.parent.is_dir():
        _fail(err, f"--json {json_file}: there is no folder {json_file.parent}; make it first", WRONG_INPUT)
    try:
        with err.status("reading"):
            plan = read()
        summary = _write(plan, data_dir, err, serve_unlisted)
    except (InvalidInput, ValidationError) as e:
        _fail(err, str(e), WRONG_INPUT)
    except FeedRankError as e:
        _fail(err, str(e), FAILED)
    print_summary(summary, out)
    if json_file is not None:
        try:
            json_file.write_text(json.dumps(summary.as_json(), indent=2) + "\n", encoding="utf-8")
        except OSError as e:
            _fail(err, f"--json {json_file}: cannot be written ({e.strerror}); the import itself is done", FAILED)
    if summary.nothing_landed:
        _fail(err, "nothing was imported; see the reasons above", FAILED)


def print_summary(summary: Summary, out: Console) -> None:
    """The summary for people: counts as a table, then each reason for refusals with its first places."""
    table = Table("", "read", "accepted", "duplicates", "rejected")
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("rows", f"{summary.rows:,}", "", "", f"{summary.rows_rejected:,}")
    for name, written in (("items", summary.items), ("users", summary.users), ("events", summary.events)):
        if written != Written():
            counts = (written.read, written.accepted, written.duplicates, written.rejected)
            table.add_row(name, *(f"{n:,}" for n in counts))
    out.print(table)
    lines = [f"{name.replace('_', ' ')}: {value:,}" for name, value in summary.notes.items()]
    if summary.rejected:
        lines.append("rejected:")
    for group in summary.rejected:
        places = "; ".join(map(str, group.examples))
        lines.append(f"  {group.count:,} x {group.field} {group.reason} ({places})")
    if summary.unlisted_items:
        served = "are served (serve_unlisted_items is set)" if summary.serve_unlisted_items else "are not served"
        lines.append(f"{summary.unlisted_items:,} items named by events have no item record; they {served}")
    lines.append(f"written in {summary.seconds:.1f} s")
    out.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _write(plan: ImportPlan, data_dir: Path, err: Console, serve_unlisted: bool | None) -> Summary:
    store = SqliteStore.open(data_dir, Settings())
    try:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err) as progress:
            now = time.time_ns() // 1_000
            task = progress.add_task("writing", total=plan.records)
            return write_plan(plan, store, now, lambda n: progress.advance(task, n), serve_unlisted)
    finally:
        store.close()


def _fail(err: Console, message: str, code: int) -> NoReturn:
    err.print(f"error: {message}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
