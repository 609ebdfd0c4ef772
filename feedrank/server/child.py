"""One child process of `serve`, kept running: started, listened to, restarted with back-off when it ends by itself.

Knows nothing of what the child does, beyond the lines of `stopping`.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from feedrank.errors import InvalidInput
from feedrank.server.stopping import EXIT_FATAL, FATAL, READY

_log = logging.getLogger(__name__)

FIRST_DELAY_S = 0.2  # one crash is repaired at once; a crash loop must not eat the machine
LONGEST_DELAY_S = 30.0
STEADY_S = 60.0  # a child that ran this long starts over with the first delay


@dataclass(frozen=True, slots=True)
class Command:
    """How to start a child."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    vital: bool  # nothing works without it: if it can never start, the rest need not run


class Child:
    """A process that is started again whenever it ends, until it is told to stop."""

    def __init__(self, command: Command, on_exit: Callable[[int], None]) -> None:
        """`on_exit` gets the pid of every process that ended."""
        self.name = command.name
        self.ready = asyncio.Event()  # the present process has said so
        self.exit_code: int | None = None  # of the last process that ended
        self._command = command
        self._on_exit = on_exit
        self._stop = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._was_ready = False
        self._fatal = ""

    async def keep_running(self) -> None:
        """Returns once told to stop and ended. Raises InvalidInput when a vital child says that it can never start."""
        clock = asyncio.get_running_loop().time
        delay_s = FIRST_DELAY_S
        while not self._stop.is_set():
            began = clock()
            code = await self._run_once()
            if self._stop.is_set():
                return
            if code == EXIT_FATAL and self._command.vital and not self._was_ready:
                raise InvalidInput(self._fatal or f"{self.name} cannot start; its log lines above say why")
            if clock() - began > STEADY_S:
                delay_s = FIRST_DELAY_S
            told = {"child": self.name, "exit": code, "reason": self._fatal, "delay_s": delay_s}
            _log.error("a child ended and is restarted", extra=told)
            await self._pause(delay_s)
            delay_s = min(2 * delay_s, LONGEST_DELAY_S)

    async def _run_once(self) -> int:
        self._fatal = ""
        process = await asyncio.create_subprocess_exec(
            *self._command.arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=dict(self._command.environment),
            process_group=0,  # Ctrl-C in a terminal reaches the supervisor alone, which passes it on once
        )
        self._process = process
        if self._stop.is_set():
            process.terminate()
        if process.stdout is None:
            raise RuntimeError("a child was started without its pipe")
        async for line in process.stdout:
            self._hear(line.decode(errors="replace").rstrip("\n"))
        code = await process.wait()
        self._process = None
        self.ready.clear()
        self.exit_code = code
        self._on_exit(process.pid)
        return code

    def _hear(self, line: str) -> None:
        if line == READY:
            self.ready.set()
            self._was_ready = True
        elif line.startswith(FATAL):
            self._fatal = line.removeprefix(FATAL)
        elif line:
            _log.debug("a child printed", extra={"child": self.name, "line": line})

    async def _pause(self, delay_s: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), delay_s)
        except TimeoutError:
            return

    def stop(self) -> None:
        """Asks the process to drain and end, and lets none follow it."""
        self._stop.set()
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the process at once."""
        self._stop.set()
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(number)
