"""Models are swapped and rolled back in every worker while requests run, and no request is dropped."""

import threading
import time
from pathlib import Path

import pytest

from feedrank.client import Client, Item, ItemId, NotFound, RankCall
from feedrank.features import NAMES

FEATURES = NAMES[:20]


def test_swapping_and_rolling_back_drops_no_request(serve, tmp_path: Path, register_model) -> None:
    models = tmp_path / "models"
    first, second = (register_model(models, name, FEATURES[: 10 + 5 * k], "") for k, name in enumerate(("one", "two")))
    third = register_model(models, "two", FEATURES, "")
    target = serve(tmp_path / "data", "--workers", "2", "--no-indexer", models_dir=models)
    stop = threading.Event()
    faults: list[BaseException] = []
    versions: set[str] = set()

    def ask(k: int) -> None:
        with Client(target) as mine:
            while not stop.is_set():
                try:
                    feed = mine.rank(RankCall(user_id=f"u{k}", limit=5, dry_run=True))
                    assert len(feed.items) == 5 and not feed.degraded
                    versions.add(feed.model_version)
                except BaseException as fault:  # noqa: BLE001 - a thread's failure must reach the test
                    faults.append(fault)
                    return

    with Client(target) as client:
        now = time.time_ns() // 1_000
        client.upsert_items([Item(ItemId(f"i{k}"), title=f"t {k}", published_at=now) for k in range(30)])
        while len(client.rank(RankCall(limit=30)).items) < 30:
            time.sleep(0.05)
        threads = [threading.Thread(target=ask, args=(k,)) for k in range(2)]
        for thread in threads:
            thread.start()
        try:
            for reference, becomes in (("one", first), (second, second), ("two", third)):
                activation = client.activate_model(reference)
                assert (activation.model_version, activation.workers_behind) == (becomes, ())
                time.sleep(0.2)
            back = client.rollback_model("two")
            assert (back.model_version, back.workers_behind) == (second, ())
            with pytest.raises(NotFound):
                client.rollback_model("never champion")
            with pytest.raises(NotFound, match="nothing"):
                client.activate_model("nothing")
            assert client.status().model_version == second
            assert {m.version for m in client.list_models() if "champion" in m.aliases} == {second.partition("@")[2]}
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert not faults
    assert {first, second, third} <= versions
