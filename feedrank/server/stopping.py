"""When a process of `serve` stops, and what a child of it tells its parent.

Child and parent are tied by two pipes: the child's standard input, on which nothing ever comes and whose end means the
parent is gone, and its standard output, on which it says that it is ready or why it never will be. Knows nothing of
what is being stopped.
"""

import os
import signal
import sys
import threading
from types import FrameType

READY = "feedrank:ready"
FATAL = "feedrank:fatal "  # a sentence follows
EXIT_FATAL = 2  # starting again cannot help: the configuration is wrong


def stop_on_signals() -> threading.Event:
    """An event set by SIGTERM or SIGINT; a second signal ends the process at once. Call from the main thread."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return stop


def stop_when_parent_ends(stop: threading.Event) -> None:
    """Sets `stop` when standard input reaches its end, as it does when the supervisor dies, however it dies."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        stop.set()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def tell_ready() -> None:
    """Tells the parent that this process does its work from here on."""
    _tell(READY)


def tell_fatal(reason: str) -> None:
    """Tells the parent why this process can never start, in one line."""
    _tell(FATAL + " ".join(reason.split()))


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
