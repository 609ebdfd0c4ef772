"""Items without text, over real processes: vectors are learned, land, and FAISS retrieves with them; retrieval is
judged.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from feedrank.client import Action, Client, Event, RankCall, UserId
from feedrank.settings import DataSettings, Settings
from feedrank.store.data_settings import save_data_settings
from feedrank.store.sqlite import SqliteStore
from feedrank.types import HOUR, MINUTE

ROOT = Path(__file__).parents[2]
TOPICS, EACH = 4, 15


def script(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / name), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def clicks_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of nothing but clicks of the last two days: each reader keeps to one of four topics."""
    data_dir = tmp_path_factory.mktemp("clicks")
    rng = np.random.default_rng(2)
    end = time.time_ns() // 1_000 - 5 * MINUTE
    events = [
        Event(
            f"e{reader}.{n}",
            UserId(f"u{reader}"),
            end - int(rng.uniform(0, 40) * HOUR),
            Action.CLICK,
            f"t{reader % TOPICS}.{rng.integers(0, EACH)}",
        )
        for reader in range(120)
        for n in range(8)
    ]
    events.sort(key=lambda event: event.time)
    store = SqliteStore.open(data_dir, Settings())
    store.append_events(events, None)
    save_data_settings(store, DataSettings(serve_unlisted_items=True))
    store.close()
    return data_dir


def test_items_without_text_are_retrieved_by_faiss(clicks_alone: Path, serve: Callable[..., str]) -> None:
    target = serve(clicks_alone, "--no-indexer")
    with Client(target) as client:
        client.record_events([Event("", UserId("me"), time.time_ns() // 1_000, Action.CLICK, "t1.3")])
        assert not [item for item in client.rank(RankCall(user_id="me")).items if "interest" in item.sources]
        learned = script("learn_vectors.py", "--data-dir", str(clicks_alone), "--space", "reads", "--dimensions", "8")
        assert learned.returncode == 0, learned.stderr
        deadline = time.monotonic() + 20
        near: list[str] = []
        while not near:  # the running server finds them in the log it follows
            assert time.monotonic() < deadline, "learned vectors did not reach the index"
            feed = client.rank(RankCall(user_id="me", limit=60, explain=True))
            near = [item.item_id for item in feed.items if "interest" in item.sources]
            time.sleep(0.05)
        similar = client.similar_items("t1.3", limit=5)
    assert "t1.3" not in near
    assert {item.item_id.split(".")[0] for item in similar} == {"t1"}
    assert any("text" in item.sources for item in similar)
    store = SqliteStore.open(clicks_alone, Settings())
    try:
        vectors = store.vectors("reads")
        mine = vectors.values[list(store.ids_of(vectors.rows)).index("t1.3")]
        ids = store.ids_of(vectors.rows)
    finally:
        store.close()
    ordered = [ids[i] for i in np.argsort(-(vectors.values @ mine), kind="stable")]
    best = [item_id for item_id in ordered if item_id != "t1.3"][:10]
    assert {item_id.split(".")[0] for item_id in best} == {"t1"}
    assert set(best) <= set(near)


def test_retrieval_is_judged_by_one_command(clicks_alone: Path, tmp_path: Path) -> None:
    start = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 12 * 3600))
    done = script(
        "judge_retrieval.py",
        *("--data-dir", str(clicks_alone), "--from", start, "--sample", "60", "--k", "40", "--space", ""),
        *("--report", str(tmp_path / "out.html"), "--json", str(tmp_path / "out.json")),
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["judged"] + figures["repeats"] == 60
    assert figures["recall"][1] <= figures["recall"][0] <= figures["recall"][2]
    assert figures["sources"]["similar"]["recall@"]["20"] > 0.5  # fifteen items a topic
    assert "Quotas for 40 candidates" in (tmp_path / "out.html").read_text()


def test_a_period_without_clicks_ends_with_a_message(clicks_alone: Path) -> None:
    done = script("judge_retrieval.py", "--data-dir", str(clicks_alone), "--from", "2031-01-01")
    assert done.returncode == 2
    assert "no click lies between" in done.stderr
