"""Parity over real processes: feature rows logged with every slate come out of a replay again, bit for bit.

Items, vectors, events, deletions and model swaps arrive between and during requests; two workers answer them.
"""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from feedrank.client import Action, Client, Context, Event, Item, RankCall, User
from feedrank.features import NAMES, compute
from feedrank.records import decode
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.training.replay import replay_slates
from feedrank.types import ItemId, UserId
from feedrank.v1 import log_pb2

SPACE, DIMENSIONS = "own", 16
CATEGORIES = ("news", "sport", "culture")


def unit(rng: np.random.Generator) -> np.ndarray:
    vector = rng.standard_normal(DIMENSIONS).astype(np.float32)
    return vector / np.linalg.norm(vector)


def item(rng: np.random.Generator, k: int) -> Item:
    return Item(
        item_id=ItemId(f"i{k}"),
        title=f"Headline number {k}",
        category=str(rng.choice(CATEGORIES)),
        subcategory=str(rng.choice(["a", "b"])),
        source=f"paper {k % 4}",
        author=f"author {k % 7}",
        language="en",
        published_at=(time.time_ns() // 1000) - int(rng.integers(0, 86_400_000_000)),
        vectors={SPACE: unit(rng)} if rng.random() < 0.8 else {},
    )


def behaviour(rng: np.random.Generator, feed, user: str) -> list[Event]:
    """What a user does with a feed: views it, clicks, dwells, and now and then likes, hides, follows or searches."""
    common = {"user_id": user, "request_id": feed.request_id, "session_id": f"s-{user}"}
    ids = tuple(i.item_id for i in feed.items)
    out = [Event("", action=Action.VIEW, item_ids=ids, time=0, **common)]
    for place in rng.choice(len(ids), size=min(2, len(ids)), replace=False):
        out.append(Event("", action=Action.CLICK, item_id=ids[place], position=int(place) + 1, time=0, **common))
        out.append(
            Event("", action=Action.DWELL, item_id=ids[place], value=float(rng.integers(1, 90)), time=0, **common)
        )
    extra = rng.random()
    if extra < 0.2:
        out.append(Event("", action=Action.HIDE, item_id=str(rng.choice(ids)), time=0, **common))
    elif extra < 0.4:
        out.append(Event("", action=Action.LIKE, item_id=str(rng.choice(ids)), time=0, **common))
    elif extra < 0.6:
        out.append(Event("", action=Action.FOLLOW, target=f"category:{rng.choice(CATEGORIES)}", time=0, **common))
    elif extra < 0.7:
        out.append(Event("", action=Action.SEARCH, query="harbour bridge", time=0, **common))
    return out


def live_traffic(target: str, seed: int, stop: threading.Event, faults: list[BaseException]) -> None:
    """A second client that writes all the while: new and changed items, deletions, other users' clicks."""
    rng = np.random.default_rng(seed)
    try:
        with Client(target) as client:
            k = 1_000
            while not stop.is_set():
                client.upsert_items([item(rng, k), item(rng, int(rng.integers(0, 60)))])
                client.record_events(
                    [
                        Event(
                            "",
                            user_id=UserId(f"other {rng.integers(20)}"),
                            action=Action.CLICK,
                            item_id=f"i{rng.integers(0, 60)}",
                            time=0,
                        )
                        for _ in range(5)
                    ]
                )
                if rng.random() < 0.1:
                    client.delete_items([f"i{rng.integers(0, 60)}"])
                k += 1
                time.sleep(0.01)
    except BaseException as fault:  # noqa: BLE001 - a thread's failure must reach the test
        faults.append(fault)


def await_items(client: Client) -> None:
    """Waits until the worker that answers has folded items."""
    deadline = time.monotonic() + 20
    while not client.rank(RankCall(limit=8, dry_run=True)).items:
        assert time.monotonic() < deadline, "no item became rankable"
        time.sleep(0.02)


@pytest.mark.parametrize("workers", [1, 2])
def test_logged_rows_equal_replayed_rows(serve, tmp_path: Path, register_model, workers: int) -> None:
    rng = np.random.default_rng(workers)
    models = tmp_path / "models"
    versions = [register_model(models, "first", NAMES, SPACE), register_model(models, "second", NAMES[::-3], SPACE)]
    data_dir = tmp_path / "data"
    target = serve(data_dir, "--workers", str(workers), "--no-indexer", models_dir=models)
    users = [f"u{k}" for k in range(6)]
    stop, faults = threading.Event(), list[BaseException]()
    with Client(target) as client:
        client.upsert_users(
            [User(user_id=UserId(u), region="north" if k % 2 else "", language="en") for k, u in enumerate(users)]
        )
        client.upsert_items([item(rng, k) for k in range(60)])
        for _ in range(20 * workers):  # each call meets another worker, sooner or later
            await_items(client)
        writer = threading.Thread(target=live_traffic, args=(target, 7, stop, faults))
        writer.start()
        try:
            for turn in range(50):
                if turn % 12 == 5:
                    activation = client.activate_model(versions[turn // 12 % 2])
                    assert activation.workers_behind == ()
                user = users[turn % len(users)]
                call = RankCall(user_id=user, limit=8, context=Context(device="mobile", session_id=f"s-{user}"))
                feed = client.rank(call)
                assert not feed.degraded
                client.record_events(behaviour(rng, feed, user))
        finally:
            stop.set()
            writer.join()
    assert not faults
    _assert_parity(data_dir, expected_slates=50, expected_models=set(versions))


def _assert_parity(data_dir: Path, expected_slates: int, expected_models: set[str]) -> None:
    store = SqliteStore.open(data_dir, Settings())
    deadline = time.monotonic() + 10  # slates are written behind the reply
    slates: list[log_pb2.Slate] = []
    while len(slates) < expected_slates and time.monotonic() < deadline:
        slates = [log_pb2.Slate.FromString(s.body) for s in store.slates(0, 2**62)]
        time.sleep(0.1)
    facts = [fact for record in store.read(0, 10**6) if (fact := decode(record)) is not None]
    store.close()
    assert len(slates) == expected_slates
    assert expected_models <= {slate.model_version for slate in slates}
    vectors_seen = 0
    for slate, raw in replay_slates(facts, slates):
        kept = [*slate.shown, *slate.sampled]
        replayed = compute(raw, tuple(slate.feature_names))[kept]
        logged = np.frombuffer(slate.feature_rows, "<f4").reshape(replayed.shape)
        if not np.array_equal(logged.view(np.uint32), replayed.view(np.uint32)):
            wrong = np.any(logged.view(np.uint32) != replayed.view(np.uint32), axis=0)
            names = [name for name, bad in zip(slate.feature_names, wrong, strict=True) if bad]
            pytest.fail(f"features {names} differ between log and replay at state position {slate.state_position}")
        if "sim_max" in slate.feature_names:
            vectors_seen += int(np.isfinite(replayed[:, list(slate.feature_names).index("sim_max")]).any())
    assert vectors_seen > 5  # the comparison was not of empty columns
