"""Structured logs: one JSON object a line on stderr, through the standard logging module.

An exception is logged as its types and frames, never its message: `KeyError: 'user-17'` would put a user into the log.
Only the store's and the registry's own errors, which speak of files, keep theirs. Knows nothing of gRPC or of what is
logged.
"""

import errno
import json
import logging
import sys
import threading
import traceback
from datetime import UTC, datetime
from types import TracebackType

from feedrank.errors import InvalidInput, RegistryError, StoreError

LEVELS = ("debug", "info", "warning", "error")
_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}  # what every record has, without `extra`
_DEEPEST_CHAIN = 8  # causes followed; cyclic chains end here too


def configure(level: str, process: str) -> None:
    """Sends every logger of this process to stderr as JSON lines, and uncaught exceptions with them.

    `process` names the process's part ("worker-0", "indexer"). Raises InvalidInput for a level outside `LEVELS`.
    """
    if level not in LEVELS:
        raise InvalidInput(f'log level "{level}" is unknown; choose one of {", ".join(LEVELS)}')
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(process))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


class JsonLines(logging.Formatter):
    """time, level, logger, process, pid, message; then whatever the call gave as `extra`, and the error."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON, without line breaks."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": self._process,
            "pid": record.process,
            "message": record.getMessage(),
        }
        line.update((name, value) for name, value in record.__dict__.items() if name not in _OWN)
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = describe(record.exc_info[1])
        return json.dumps(line, default=str)


def describe(error: BaseException) -> list[dict[str, object]]:
    """An exception and its causes, outermost first: type, frames ("file:line function"), a message where it is safe."""
    chain: list[dict[str, object]] = []
    link: BaseException | None = error
    while link is not None and len(chain) < _DEEPEST_CHAIN:
        frames = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(link.__traceback__)]
        entry: dict[str, object] = {"type": type(link).__qualname__, "frames": frames}
        if isinstance(link, StoreError | RegistryError):
            entry["message"] = str(link)
        elif isinstance(link, OSError) and link.errno is not None:
            entry["errno"] = errno.errorcode.get(link.errno, str(link.errno))
        chain.append(entry)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return chain


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger("feedrank").critical("uncaught exception", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is None or args.exc_type is SystemExit:
        return
    logging.getLogger("feedrank").critical(
        "uncaught exception in a thread", exc_info=(args.exc_type, args.exc_value, args.exc_traceback)
    )
