"""`feedrank serve`: the parent of N workers on one port and of one indexer.

It holds the port, starts and restarts the others, passes on the wish to stop, and publishes their metrics. It answers
no request and imports neither grpc nor anything that a request needs.
"""

import asyncio
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from feedrank.server.child import Child, Command
from feedrank.server.metrics_page import MetricsPage
from feedrank.server.ports import Reservation

_log = logging.getLogger(__name__)
_KILL_AFTER_S = 10.0  # beyond the grace period: flushing slates and closing the store take their time too
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # of a native call inside a worker


@dataclass(frozen=True, slots=True)
class ServePlan:
    """What `serve` was asked to do."""

    data_dir: Path
    address: Reservation
    workers: int
    metrics_port: int | None
    models_dir: Path | None  # None: the setting's
    indexer: bool
    log_level: str
    grace_s: float


def serve(plan: ServePlan, announce: Callable[[str], None]) -> int:
    """Serves until SIGTERM or SIGINT; gives the exit code. `announce` gets one line once every worker serves.

    Raises Conflict when the metrics port is taken, InvalidInput when a worker says that it can never start.
    """
    if plan.metrics_port is None:
        return asyncio.run(_serve(plan, announce, None))
    directory = Path(tempfile.mkdtemp(prefix="feedrank-metrics-"))
    try:
        with MetricsPage(plan.address.host, plan.metrics_port, directory) as page:
            return asyncio.run(_serve(plan, announce, page))
    finally:
        shutil.rmtree(directory)


async def _serve(plan: ServePlan, announce: Callable[[str], None], page: MetricsPage | None) -> int:
    forget: Callable[[int], None] = page.forget if page is not None else lambda pid: None
    commands = _commands(plan, page.directory if page is not None else None)
    workers = [Child(command, forget) for command in commands[: plan.workers]]
    indexers = [Child(command, forget) for command in commands[plan.workers :]]
    stop = asyncio.Event()
    _on_signals(stop, [*workers, *indexers])
    running = [asyncio.create_task(child.keep_running()) for child in workers]
    stopped = asyncio.create_task(stop.wait())
    try:
        if await _all_ready(workers, [*running, stopped]):
            announce(f"feedrank is serving on {plan.address}")
            # The encoder loads for seconds on all cores, and serving never waits for it: so it comes second.
            running += [asyncio.create_task(child.keep_running()) for child in indexers]
            await asyncio.wait([*running, stopped], return_when=asyncio.FIRST_COMPLETED)
    finally:
        clean = await _drain([*workers, *indexers], running, plan.grace_s)
        stopped.cancel()
    _raise_first([task.exception() for task in running])
    return 0 if clean else 1


def _on_signals(stop: asyncio.Event, children: Iterable[Child]) -> None:
    def on_signal() -> None:
        if stop.is_set():  # asked twice: do not wait for the drain
            for child in children:
                child.kill()
        stop.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, on_signal)
    loop.add_signal_handler(signal.SIGINT, on_signal)


async def _all_ready(workers: Iterable[Child], ends: Iterable[Awaitable[object]]) -> bool:
    """Waits until every worker is ready: True. False when one of `ends` comes first."""
    ready = asyncio.ensure_future(_each_ready(workers))
    await asyncio.wait([ready, *map(asyncio.ensure_future, ends)], return_when=asyncio.FIRST_COMPLETED)
    if ready.done():
        return True
    ready.cancel()
    return False


async def _each_ready(workers: Iterable[Child]) -> None:
    for worker in workers:
        await worker.ready.wait()


async def _drain(children: Iterable[Child], running: list["asyncio.Task[None]"], grace_s: float) -> bool:
    """Stops every child. True when each ended by itself."""
    for child in children:
        child.stop()
    _, late = await asyncio.wait(running, timeout=grace_s + _KILL_AFTER_S)
    if late:
        for child in children:
            child.kill()
        await asyncio.wait(late)
        _log.error("children had to be killed", extra={"children": len(late)})
    return not late and all(child.exit_code in (None, 0, -signal.SIGTERM) for child in children)


def _raise_first(errors: Iterable[BaseException | None]) -> None:
    for error in errors:
        if error is not None:
            raise error


def _commands(plan: ServePlan, metrics_dir: Path | None) -> list[Command]:
    """The workers' commands, then the indexer's if there is to be one."""
    environment = dict(os.environ)
    if metrics_dir is not None:
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(metrics_dir)
    one_thread = dict.fromkeys(_ONE_THREAD, "1") | environment
    feedrank = [sys.executable, "-m", "feedrank"]
    shared = ["--data-dir", str(plan.data_dir), "--log-level", plan.log_level]
    if plan.models_dir is not None:
        shared += ["--models-dir", str(plan.models_dir)]
    address = ["--host", plan.address.host, "--port", str(plan.address.port), "--grace", str(plan.grace_s)]
    commands = []
    for number in range(plan.workers):
        name = f"worker-{number}"
        commands.append(
            Command(name, [*feedrank, "worker", *shared, *address, "--worker-id", name], one_thread, vital=True)
        )
    if plan.indexer:
        commands.append(Command("indexer", [*feedrank, "index", *shared, "--supervised"], environment, vital=False))
    return commands
