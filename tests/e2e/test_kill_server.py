"""A service killed outright while it takes events in loses none it acknowledged, and a retry adds none twice."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from feedrank.client import Action, Client, Event, FeedRankError, UserId

USERS = [UserId(f"u{k}") for k in range(5)]


def start(data_dir: Path, log: Path) -> tuple["subprocess.Popen[str]", str]:
    """A served feedrank in a process group of its own, and its target."""
    command = [sys.executable, "-m", "feedrank", "serve", "--data-dir", str(data_dir), "--port", "0", "--no-indexer"]
    with log.open("a") as errors:
        options = ["--models-dir", str(data_dir / "models"), "--workers", "2", "--log-level", "error"]
        server = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        )
    assert server.stdout is not None
    line = server.stdout.readline()
    assert line.startswith("feedrank is serving on "), log.read_text()
    return server, line.split()[-1]


def batch(n: int) -> list[Event]:
    now = time.time_ns() // 1_000
    return [Event(f"{n}-{k}", USERS[k % 5], now, Action.CLICK, f"i{k}") for k in range(20)]


def stored(client: Client) -> Counter[str]:
    """How often each event id is stored, over all users."""
    return Counter(
        json.loads(row.json)["event"]["event_id"]
        for user in USERS
        for row in client.export_user(user)
        if row.kind == "event"
    )


def test_kill_nine_during_ingest(tmp_path: Path) -> None:
    data_dir, log = tmp_path / "data", tmp_path / "serve.log"
    acknowledged: set[str] = set()
    sent = 0
    for after_s in (0.3, 0.8):
        server, target = start(data_dir, log)
        assert server.stdout is not None
        killer = threading.Timer(after_s, os.killpg, (server.pid, signal.SIGKILL))
        try:
            with Client(target) as client:
                killer.start()
                while True:
                    sent += 1
                    events = batch(sent)
                    client.record_events(events, timeout_s=2.0)
                    acknowledged.update(event.event_id for event in events)
        except FeedRankError:
            pass  # the service is gone, as it should be
        finally:
            killer.join()
            server.wait(30)
            server.stdout.close()
    server, target = start(data_dir, log)
    assert server.stdout is not None
    try:
        with Client(target) as client:
            assert acknowledged, "nothing was acknowledged before the kill"
            after_kill = stored(client)
            assert acknowledged <= set(after_kill)
            for n in range(1, sent + 1):  # a backend that got no answer sends everything again
                client.record_events(batch(n))
            assert stored(client) == Counter({f"{n}-{k}": 1 for n in range(1, sent + 1) for k in range(20)})
    finally:
        server.terminate()
        assert server.wait(30) == 0, log.read_text()
        server.stdout.close()
