"""Children of `serve`, with small scripts in their place: readiness, restarts, what is fatal, and how they end."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from feedrank.errors import InvalidInput
from feedrank.server import child as child_module
from feedrank.server.child import Child, Command
from feedrank.server.stopping import EXIT_FATAL

WAITS = "from feedrank.server.stopping import *; stop = stop_on_signals(); stop_when_parent_ends(stop); tell_ready()"


def script(code: str, vital: bool = True) -> Command:
    return Command("worker-0", [sys.executable, "-c", code], os.environ, vital)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 60))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "FIRST_DELAY_S", 0.01)


def test_a_child_tells_that_it_is_ready_and_ends_when_asked() -> None:
    async def scenario() -> None:
        ended: list[int] = []
        child = Child(script(f"{WAITS}; stop.wait()"), ended.append)
        running = asyncio.create_task(child.keep_running())
        await child.ready.wait()
        assert ended == []
        child.stop()
        await running
        assert child.exit_code == 0 and len(ended) == 1 and not child.ready.is_set()

    run(scenario)


def test_a_child_that_crashes_is_started_again(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    code = f"""
import os
open({str(starts)!r}, 'a').write('x')
{WAITS}
if len(open({str(starts)!r}).read()) < 3:
    os._exit(7)
stop.wait()
"""

    async def scenario() -> None:
        ended: list[int] = []
        child = Child(script(code), ended.append)
        running = asyncio.create_task(child.keep_running())
        while len(ended) < 2 or not child.ready.is_set():
            await asyncio.sleep(0.01)
        assert child.exit_code == 7
        child.stop()
        await running
        assert len(set(ended)) == 3 and starts.read_text() == "xxx"

    run(scenario)


def test_a_vital_child_that_can_never_start_says_why() -> None:
    async def scenario() -> None:
        fatal = "from feedrank.server.stopping import *; tell_fatal('the store\\nis too new')"
        with pytest.raises(InvalidInput, match=r"^the store is too new$"):
            await Child(script(f"{fatal}; raise SystemExit({EXIT_FATAL})"), lambda pid: None).keep_running()

    run(scenario)


@pytest.mark.parametrize("ready_first", [True, False])
def test_fatal_ends_are_survived_by_what_was_ready_or_is_not_vital(tmp_path: Path, ready_first: bool) -> None:
    starts = tmp_path / "starts"
    ready = "tell_ready(); " if ready_first else ""
    code = (
        f"from feedrank.server.stopping import *; open({str(starts)!r}, 'a').write('x'); "
        f"{ready}tell_fatal('no encoder'); raise SystemExit({EXIT_FATAL})"
    )

    async def scenario() -> None:
        child = Child(script(code, vital=ready_first), lambda pid: None)
        running = asyncio.create_task(child.keep_running())
        while not starts.exists() or len(starts.read_text()) < 2:
            await asyncio.sleep(0.01)
        child.stop()
        await running

    run(scenario)


def test_the_delay_doubles_from_crash_to_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[float] = []

    async def scenario() -> None:
        child = Child(script("raise SystemExit(1)"), lambda pid: None)

        async def pause(delay_s: float) -> None:
            delays.append(delay_s)
            if len(delays) == 5:
                child.stop()

        monkeypatch.setattr(child, "_pause", pause)
        monkeypatch.setattr(child_module, "LONGEST_DELAY_S", 0.08)
        await child.keep_running()

    run(scenario)
    assert delays == [0.01, 0.02, 0.04, 0.08, 0.08]


def test_a_child_that_will_not_end_can_be_killed() -> None:
    async def scenario() -> None:
        child = Child(script(f"{WAITS}; import time; time.sleep(600)"), lambda pid: None)
        running = asyncio.create_task(child.keep_running())
        await child.ready.wait()
        child.stop()
        child.kill()
        await running
        assert child.exit_code == -9

    run(scenario)


def test_a_child_ends_when_its_parent_is_gone() -> None:
    """The parent holds the other end of the child's standard input; however it dies, the pipe closes."""

    async def scenario() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            f"{WAITS}; stop.wait()",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None and process.stdin is not None
        assert (await process.stdout.readline()).strip() == b"feedrank:ready"
        process.stdin.close()
        assert await process.wait() == 0

    run(scenario)


def test_a_second_signal_ends_a_process_at_once() -> None:
    async def scenario() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            f"{WAITS}; import time; stop.wait(); tell_ready(); time.sleep(600)",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        await process.stdout.readline()
        process.terminate()
        await process.stdout.readline()
        process.terminate()
        assert await process.wait() == 128 + 15

    run(scenario)


def test_other_output_of_a_child_is_taken_and_let_be() -> None:
    async def scenario() -> None:
        noise = "import sys; sys.stdout.write('[LightGBM] [Info] noise\\n' * 20_000); sys.stdout.flush()"
        child = Child(script(f"{noise}; {WAITS}; stop.wait()"), lambda pid: None)
        running = asyncio.create_task(child.keep_running())
        await child.ready.wait()
        child.stop()
        await running
        assert child.exit_code == 0

    run(scenario)
