"""How far a stretch of embedding is: as a phrase for GetStatus, a bar on a terminal, lines in a log.

Knows nothing of what is embedded.
"""

import logging
import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

log = logging.getLogger(__name__)

LOG_EVERY_S = 10.0
WORTH_SHOWING = 65  # what fits one batch is done before anybody could read of it


class Campaign:
    """One stretch of work, from something to do to nothing left; what arrives meanwhile adds to it."""

    def __init__(self) -> None:
        self._done = 0
        self._left = 0
        self._bar = Progress(
            TextColumn("embedding"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.0f}/s"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("embedding", total=None, rate=0.0)
        self._on_terminal = sys.stderr.isatty()
        self._began = self._logged = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar.live.is_started:
            self._bar.stop()
        if self._done >= WORTH_SHOWING:
            self._log("embedded")

    def __str__(self) -> str:
        """The phrase GetStatus shows."""
        return f"embedding {self._done} of {self._done + self._left}"

    def advance(self, done: int, left: int) -> None:
        """Takes note that `done` more are finished and `left` still wait."""
        self._done += done
        self._left = left
        if self._done + left < WORTH_SHOWING:
            return
        if self._on_terminal:
            self._bar.start()
            self._bar.update(self._task, completed=self._done, total=self._done + left, rate=self._rate())
        elif time.monotonic() - self._logged >= LOG_EVERY_S:
            self._log("embedding")

    def _rate(self) -> float:
        return self._done / max(time.monotonic() - self._began, 1e-9)

    def _log(self, what: str) -> None:
        self._logged = time.monotonic()
        counts = {"done": self._done, "total": self._done + self._left, "per_second": round(self._rate(), 1)}
        log.info(what, extra=counts)
