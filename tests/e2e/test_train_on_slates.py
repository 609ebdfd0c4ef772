"""From served feeds to a model: slates logged by a real server are training data, replayed or as they were logged."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feedrank.client import Action, Client, Event, Item, RankCall
from feedrank.features import fingerprint_of
from feedrank.pipeline.scorers import PriorScorer
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.training.dataset import View, build
from feedrank.training.period import read_period
from feedrank.types import ItemId, UserId

ROOT = Path(__file__).parents[2]
FEEDS = 60


def serve_and_click(target: str) -> None:
    """Readers who click what is of their category, and report the upper half of each feed as seen."""
    rng = np.random.default_rng(0)
    now = time.time_ns() // 1000
    with Client(target) as client:
        client.upsert_items(
            [
                Item(ItemId(f"i{k}"), title=f"Item {k}", category=f"c{k % 3}", published_at=now - k * 60_000_000)
                for k in range(60)
            ]
        )
        deadline = time.monotonic() + 60  # items are on disk once acknowledged, and in feeds soon after
        while len(client.rank(RankCall(limit=10, dry_run=True)).items) < 10:
            assert time.monotonic() < deadline, "the items did not become rankable"
            time.sleep(0.05)
        for turn in range(FEEDS):
            user = UserId(f"u{turn % 12}")
            feed = client.rank(RankCall(user_id=user, limit=10))
            seen = [item.item_id for item in feed.items[:6]]
            common: dict[str, Any] = {"user_id": user, "request_id": feed.request_id, "time": 0}
            events = [Event("", action=Action.VIEW, item_ids=tuple(seen), **common)]
            liked = [i for i in seen if int(i[1:]) % 3 == turn % 12 % 3] or seen
            if turn % 10 != 9:  # some feeds are seen and nothing clicked
                events.append(Event("", action=Action.CLICK, item_id=str(rng.choice(liked)), **common))
            if turn % 10 != 8:  # and of some nothing is reported
                client.record_events(events)


@pytest.fixture
def served(serve, tmp_path: Path) -> Path:
    serve_and_click(serve(tmp_path / "data", "--no-indexer"))
    store = SqliteStore.open(tmp_path / "data", Settings())
    deadline = time.monotonic() + 10  # slates are written behind the reply
    while len(list(store.slates(0, 2**62))) < FEEDS and time.monotonic() < deadline:
        time.sleep(0.1)
    store.close()
    return tmp_path / "data"


def test_served_feeds_become_examples_and_a_model(served: Path, tmp_path: Path) -> None:
    store = SqliteStore.open(served, Settings())
    period = read_period(store)
    store.close()
    assert len(period.examples) == FEEDS - 6, "without the feeds nobody reported on"
    assert all(e.seen.sum() == 6 and (~e.seen).sum() == 20 for e in period.examples)
    assert sum(int(e.labels.sum()) for e in period.examples) == FEEDS - 12
    names = PriorScorer.features
    replayed, logged = (build(period.facts, period.examples, View(logged_rows=r), names) for r in (False, True))
    np.testing.assert_array_equal(replayed.rows.view(np.uint32), logged.rows.view(np.uint32))
    assert replayed.request_ids == logged.request_ids

    for source in ("replay", "logged"):
        features = tmp_path / "features.txt"
        features.write_text("\n".join(names))
        done = subprocess.run(
            [
                *(sys.executable, str(ROOT / "scripts" / "train.py"), "--data-dir", str(served)),
                *("--models-dir", str(tmp_path / "m"), "--name", source, "--from-slates", source),
                *("--features", str(features), "--json", "-"),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["data"]["impressions"] == FEEDS - 12
    registry = Registry(tmp_path / "m", fingerprint_of)
    assert registry.load("replay").model_text == registry.load("logged").model_text
