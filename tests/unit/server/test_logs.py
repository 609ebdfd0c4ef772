"""Log lines: one JSON object each, with the caller's fields, and of an exception everything but its message."""

import json
import logging
import subprocess
import sys

import pytest

from feedrank.errors import InvalidInput, StoreError
from feedrank.server.logs import JsonLines, configure, describe


def line_of(**extra: object) -> dict[str, object]:
    record = logging.getLogger("feedrank.x").makeRecord(
        "feedrank.x", logging.WARNING, "x.py", 1, "two\nlines of %s", ("text",), None, extra=extra
    )
    text = JsonLines("worker-0").format(record)
    assert "\n" not in text
    line: dict[str, object] = json.loads(text)
    return line


def test_a_line_says_what_when_and_where() -> None:
    line = line_of(rpc="Rank", ms=1.5)
    assert line["message"] == "two\nlines of text"
    assert (line["level"], line["logger"], line["process"]) == ("warning", "feedrank.x", "worker-0")
    assert (line["rpc"], line["ms"]) == ("Rank", 1.5)
    assert str(line["time"]).endswith("+00:00")
    assert set(line) == {"time", "level", "logger", "process", "pid", "message", "rpc", "ms"}


def test_an_exception_is_told_without_its_message_and_with_its_causes() -> None:
    try:
        try:
            raise OSError(28, "No space left", "/home/user-17")
        except OSError as full:
            raise StoreError("/data: the disk is full") from full
    except StoreError as error:
        outer, inner = describe(error)
    assert (outer["type"], outer["message"]) == ("StoreError", "/data: the disk is full")
    assert (inner["type"], inner["errno"]) == ("OSError", "ENOSPC")
    assert "message" not in inner and "user-17" not in str(inner)
    assert "test_logs.py" in str(outer["frames"])


def test_a_suppressed_context_is_left_out_and_a_cycle_ends() -> None:
    try:
        try:
            raise KeyError("a")
        except KeyError:
            raise ValueError("b") from None
    except ValueError as error:
        described = describe(error)
    assert [entry["type"] for entry in described] == ["ValueError"]
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    assert len(describe(first)) == 8


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r'"loud".*debug, info, warning, error'):
        configure("loud", "test")


@pytest.mark.parametrize(
    "fail",
    ["fail()", "import threading; t = threading.Thread(target=fail); t.start(); t.join()"],
    ids=["main thread", "other thread"],
)
def test_uncaught_exceptions_become_lines_too(fail: str) -> None:
    code = (
        "from feedrank.server.logs import configure\n"
        "def fail(): raise KeyError('user-17')\n"
        f"configure('info', 'worker-0')\n{fail}\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    (line,) = ended.stderr.splitlines()
    assert json.loads(line)["error"][0]["type"] == "KeyError"
    assert json.loads(line)["level"] == "critical"
    assert "user-17" not in ended.stderr


def test_warnings_become_lines_too() -> None:
    code = (
        "from feedrank.server.logs import configure\nimport warnings\n"
        "configure('info', 'worker-0')\nwarnings.warn('old', stacklevel=1)\n"
    )
    ended = subprocess.run([sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=True)
    assert [json.loads(line)["logger"] for line in ended.stderr.splitlines()] == ["py.warnings"]
