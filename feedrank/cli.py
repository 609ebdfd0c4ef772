"""The command line: `feedrank serve | index | doctor`, and `worker`, which `serve` starts by itself.

Each command imports what it needs when it runs, so that the supervisor stays small and `--help` is quick. A wrong
configuration is one line on stderr and exit code 2. Knows nothing of how the commands do their work.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feedrank import __version__
from feedrank.errors import FeedRankError, InvalidInput, Unavailable

if TYPE_CHECKING:
    from feedrank.server.doctor import Check
    from feedrank.settings import Settings

app = typer.Typer(
    help="feedrank: a personalised news-feed ranking service.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks print the values of variables
)

EXIT_CONFIGURATION = 2


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


DataDir = Annotated[
    Path, typer.Option("--data-dir", help="The data directory: the log and all that is kept beside it.")
]
ModelsDir = Annotated[
    Path | None, typer.Option("--models-dir", help="The model registry; by default FEEDRANK_MODELS_DIR, or ./models.")
]
Level = Annotated[LogLevel, typer.Option("--log-level", help="What is logged, as JSON lines on stderr.")]
Host = Annotated[str, typer.Option("--host", help="The address to listen on; 0.0.0.0 for all.")]
Grace = Annotated[
    float, typer.Option("--grace", min=0.0, help="Seconds that requests under way get to finish at the end.")
]


@app.callback(invoke_without_command=True)
def main(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """feedrank: a personalised news-feed ranking service."""
    if version:
        typer.echo(f"feedrank {__version__}")
        raise typer.Exit


@app.command()
def serve(
    data_dir: DataDir,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="The port to listen on; 0 picks a free one.")
    ] = 50_051,
    workers: Annotated[int, typer.Option("--workers", min=1, max=256, help="Processes that answer requests.")] = 1,
    metrics_port: Annotated[
        int | None, typer.Option("--metrics-port", min=1, max=65_535, help="Publish Prometheus metrics on this port.")
    ] = None,
    host: Host = "127.0.0.1",
    models_dir: ModelsDir = None,
    indexer: Annotated[
        bool, typer.Option("--indexer/--no-indexer", help="Also run the process that embeds texts.")
    ] = True,
    log_level: Level = LogLevel.INFO,
    grace: Grace = 10.0,
) -> None:
    """Answer Rank and the other RPCs until SIGTERM or Ctrl-C."""
    from feedrank.server.logs import configure
    from feedrank.server.ports import reserve
    from feedrank.server.supervisor import ServePlan
    from feedrank.server.supervisor import serve as run

    with _one_line_errors():
        settings = _settings(models_dir)
        configure(log_level, "supervisor")
        with reserve(host, port) as reservation:
            _check_store(data_dir, settings)
            plan = ServePlan(data_dir, reservation, workers, metrics_port, models_dir, indexer, log_level, grace)
            code = run(plan, typer.echo)
    raise typer.Exit(code)


@app.command(hidden=True)
def worker(
    data_dir: DataDir,
    port: Annotated[int, typer.Option("--port")],
    worker_id: Annotated[str, typer.Option("--worker-id")],
    host: Host = "127.0.0.1",
    models_dir: ModelsDir = None,
    log_level: Level = LogLevel.INFO,
    grace: Grace = 10.0,
) -> None:
    """Answer requests on a port shared with other workers. Started by `serve`; ends when its standard input does."""
    from feedrank.registry.lightgbm_alone import import_lightgbm_alone

    import_lightgbm_alone()
    from feedrank.server.logs import configure
    from feedrank.server.process import WorkerPlan, run_worker

    with _fatal_errors_told():
        configure(log_level, worker_id)
        run_worker(WorkerPlan(data_dir, host, port, worker_id, grace), _settings(models_dir))


@app.command()
def index(
    data_dir: DataDir,
    once: Annotated[bool, typer.Option("--once", help="Stop when nothing is left to embed.")] = False,
    models_dir: ModelsDir = None,
    log_level: Level = LogLevel.INFO,
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
) -> None:
    """Embed the texts of items and searches as they arrive. `serve` starts this too."""
    from feedrank.server.logs import configure
    from feedrank.server.stopping import stop_on_signals, stop_when_parent_ends
    from feedrank.serving.indexer import run_indexer

    with _fatal_errors_told() if supervised else _one_line_errors():
        configure(log_level, "indexer")
        settings = _settings(models_dir)
        stop = stop_on_signals()
        if supervised:
            stop_when_parent_ends(stop)
        run_indexer(data_dir, settings, once=once, stop=stop)


@app.command()
def doctor(
    data_dir: DataDir,
    models_dir: ModelsDir = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the findings to this file.")] = None,
) -> None:
    """Check that this machine, the data directory and the models are fit to serve; exit code 1 when one is not."""
    from feedrank.server.doctor import examine

    with _one_line_errors():
        checks = examine(data_dir, _settings(models_dir))
        if json_file is not None:
            json_file.write_text(
                json.dumps([{"check": c.name, "ok": c.ok, "finding": c.finding} for c in checks], indent=2) + "\n"
            )
    _print_checks(checks)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def _print_checks(checks: "list[Check]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("check", "", "finding")
    for check in checks:
        table.add_row(check.name, "[green]ok[/]" if check.ok else "[red]FAILS[/]", check.finding)
    Console().print(table)


def _settings(models_dir: Path | None) -> "Settings":
    """The settings of the environment. Raises InvalidInput naming the variable that is wrong."""
    from pydantic import ValidationError

    from feedrank.settings import Settings

    try:
        return Settings() if models_dir is None else Settings(models_dir=models_dir)
    except ValidationError as error:
        faults = (
            f"FEEDRANK_{'__'.join(map(str, fault['loc'])).upper()}={fault['input']!r}: {fault['msg']}"
            for fault in error.errors()
        )
        raise InvalidInput("; ".join(faults)) from error


def _check_store(data_dir: Path, settings: "Settings") -> None:
    """Opens the store once, before N processes do: makes its tables, or raises StoreError saying why it cannot."""
    from feedrank.store.sqlite import SqliteStore

    SqliteStore.open(data_dir, settings).close()


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except FeedRankError as error:
        typer.echo(f"feedrank: {error}", err=True)
        raise typer.Exit(EXIT_CONFIGURATION) from error


@contextmanager
def _fatal_errors_told() -> Iterator[None]:
    """In a child of `serve`: tells the parent what starting again cannot mend; the rest is logged and retried."""
    from feedrank.server.stopping import EXIT_FATAL, tell_fatal

    try:
        yield
    except Unavailable:
        raise
    except FeedRankError as error:
        tell_fatal(str(error))
        os._exit(EXIT_FATAL)  # without waiting for threads of what had been opened already
