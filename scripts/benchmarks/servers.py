"""Servers under measurement: feedrank and the naive one as child processes, how to drive them, and what they take.

Knows nothing of what is measured.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worlds import World

import feedrank
from feedrank.client import Client

SCRIPTS = Path(__file__).parents[1]
STOP_S = 120.0  # the snapshot of a million vectors is written at the end
_MIB = 1024.0
# Runs a script as if no compiler had been there at installation.
_WITHOUT_KERNELS = """
import runpy, sys
sys.modules["feedrank.kernels._native"] = None
sys.path.insert(0, sys.argv[1].rpartition("/")[0])
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A running server."""

    target: str  # HOST:PORT
    process: "subprocess.Popen[str]"
    start_s: float  # from its start until it said that it serves

    def workers(self) -> list[int]:
        """Pids of the processes that answer: children of `serve`, or the process itself."""
        return worker_pids(self.process.pid)


@contextmanager
def served(
    world: World,
    *,
    workers: int = 1,
    indexer: bool = False,
    extra: Mapping[str, str] | None = None,
    metrics_port: int | None = None,
) -> Iterator[Served]:
    """`feedrank serve` on a world, SERVING; `extra` joins its environment. Stopped in order at the end."""
    command = [sys.executable, "-m", "feedrank", "serve", "--port", "0", "--workers", str(workers)]
    command += ["--data-dir", str(world.data_dir), "--models-dir", str(world.models_dir), "--log-level", "error"]
    command += ["--indexer" if indexer else "--no-indexer"]
    command += ["--metrics-port", str(metrics_port)] if metrics_port else []
    with _running(command, extra) as server:
        yield server


@contextmanager
def naive(world: World, *, compiled: bool = True) -> Iterator[Served]:
    """naive_server.py on a world; without `compiled`, the features it borrows are computed in NumPy."""
    command = [sys.executable] if compiled else [sys.executable, "-c", _WITHOUT_KERNELS]
    command += [str(Path(__file__).with_name("naive_server.py"))]
    command += ["--data-dir", str(world.data_dir), "--models-dir", str(world.models_dir)]
    with _running(command, None) as server:
        yield server


@contextmanager
def _running(command: Sequence[str], extra: Mapping[str, str] | None) -> Iterator[Served]:
    """A server that says where it serves in the last word of a line on stdout."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(**(extra or {})))
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{command[:4]} ended with {process.wait()} instead of serving")
        yield Served(line.split()[-1], process, time.monotonic() - started)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def environment(**extra: str) -> dict[str, str]:
    """A child's environment, by which it finds this very feedrank, installed or not."""
    home = str(Path(feedrank.__file__).parents[1])
    path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, **extra}


def load(target: str, world: World, seconds: float, options: Sequence[str]) -> dict[str, Any]:
    """What load_test.py, in a process of its own, finds of `target`; options say at which rates."""
    command = [sys.executable, str(SCRIPTS / "load_test.py"), "--target", target, "--seconds", str(seconds)]
    command += ["--users", str(world.users_file), "--json", "-", *options]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    if not done.stdout:
        raise RuntimeError(f"load_test.py ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def point(target: str, world: World, rate: float, seconds: float, options: Sequence[str] = ()) -> dict[str, Any]:
    """Figures at one rate, as load_test.py gives them."""
    found: dict[str, Any] = load(target, world, seconds, ["--rate", str(rate), *options])["points"][0]
    return found


def wait_for_encoder(target: str, timeout_s: float) -> None:
    """Returns once the indexer has embedded all there is. RuntimeError when it has not within `timeout_s`."""
    give_up = time.monotonic() + timeout_s
    with Client(target, connections=1) as client:
        while (state := client.status().encoder_state) != "ready":
            if time.monotonic() > give_up:
                raise RuntimeError(f"after {timeout_s:g} s the encoder is still {state!r}")
            time.sleep(0.5)


def worker_pids(pid: int) -> list[int]:
    """Children of a process that answer requests, found in /proc; the process itself where it has none."""
    children = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
                command = (entry / "cmdline").read_text().split("\0")
            except OSError:
                continue  # it has ended meanwhile
            if int(stat.rpartition(")")[2].split()[1]) == pid and "worker" in command:
                children.append(int(entry.name))
    return sorted(children) or [pid]


@dataclass(frozen=True, slots=True)
class Memory:
    """A process's memory, MiB."""

    resident: float
    proportional: float  # pages shared with others counted by their share
    peak: float


def memory_of(pid: int) -> Memory:
    """What a process holds now, and the most it ever held."""
    status = _fields(Path(f"/proc/{pid}/status"))
    rollup = _fields(Path(f"/proc/{pid}/smaps_rollup"))
    return Memory(status["VmRSS"] / _MIB, rollup["Pss"] / _MIB, status["VmHWM"] / _MIB)


def _fields(file: Path) -> dict[str, float]:
    """The kB figures of a /proc file by name."""
    found = {}
    for line in file.read_text().splitlines():
        name, _, rest = line.partition(":")
        if rest.endswith("kB"):
            found[name] = float(rest.split()[0])
    return found


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
