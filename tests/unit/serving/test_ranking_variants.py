"""Which variants one worker gives: by how much is known of a reader, and never by what may not be used."""

import time
from pathlib import Path

import pytest

from feedrank.experiments.exposures import Exposure
from feedrank.pipeline.feed import RankCall
from feedrank.serving.ranking import NEW_BELOW
from feedrank.serving.worker import Worker
from feedrank.settings import Settings
from feedrank.types import Action, Context, Event, Item, ItemId, Personalization, UserId

NEW_USERS = """
[[experiment]]
name = "welcome"
salt = "welcome"
layer = "one"
audience = { new_users = NEW }
variant = [{ name = "control", weight = 50 }, { name = "new", weight = 50, settings = { selector.diversity = 0.4 } }]
"""


def now() -> int:
    return time.time_ns() // 1_000


@pytest.fixture
def open_worker(tmp_path: Path):
    """`open_worker(experiments)`: a worker on a few items, with this experiments.toml in force."""
    opened: list[Worker] = []

    def open_worker(experiments: str) -> Worker:
        data_dir = tmp_path / "data"
        data_dir.mkdir()
        (data_dir / "experiments.toml").write_text(experiments)
        worker = Worker.open(data_dir, Settings(models_dir=tmp_path / "models", encoder="none"), "w")
        opened.append(worker)
        worker.store.append_items([Item(ItemId(f"i{k}"), title="t", published_at=now()) for k in range(9)], now())
        return worker

    yield open_worker
    for worker in opened:
        worker.close(1.0)


def variants(worker: Worker, user: str, **call) -> dict[str, str]:
    return dict(worker.rank(RankCall(user, dry_run=True, **call)).variants)


@pytest.mark.parametrize("new", [True, False])
def test_new_users_are_those_of_whom_little_is_known(open_worker, new: bool) -> None:
    worker = open_worker(NEW_USERS.replace("NEW", str(new).lower()))
    reads = [Event(f"e{k}", UserId("u"), now(), Action.CLICK, f"i{k}") for k in range(NEW_BELOW)]
    views = [Event(f"v{k}", UserId("u"), now(), Action.VIEW, f"i{k}") for k in range(NEW_BELOW)]
    assert bool(variants(worker, "u")) is new
    worker.store.append_events([*reads[:-1], *views], now())
    assert bool(variants(worker, "u")) is new
    worker.store.append_events(reads[-1:], now())
    assert bool(variants(worker, "u")) is not new
    # Who may not be known counts as new, however much is stored.
    assert bool(variants(worker, "u", personalization=Personalization.OFF)) is new


def test_with_personalization_off_the_user_id_decides_nothing(open_worker) -> None:
    worker = open_worker(NEW_USERS.replace("audience = { new_users = NEW }", ""))
    worker.store.set_personalization(UserId("u0"), Personalization.OFF, now())
    off = {"personalization": Personalization.OFF}
    for session in ("s1", "s2", "s3"):
        context = Context(session_id=session)
        given = [variants(worker, f"u{k}", context=context, **off) for k in range(6)]
        assert all(each == variants(worker, "", context=context) == given[0] for each in given)
        assert variants(worker, "u0", context=context) == given[0]  # opted out, whatever the request says
    by_request = [variants(worker, "u1", request_id=f"r{k}", **off)["welcome"] for k in range(40)]
    assert set(by_request) == {"control", "new"}
    assert len({variants(worker, "u1", request_id=f"r{k}")["welcome"] for k in range(40)}) == 1


SETTINGS = """
[[experiment]]
name = "fresh"
salt = "fresh"
layer = "one"
variant = [
  { name = "control", weight = 50 },
  { name = "new", weight = 50, settings = { quotas.fresh = 7, candidates = 30, selector.diversity = 0.4 } },
]
"""


def test_a_variants_settings_are_those_its_feeds_are_made_with(open_worker) -> None:
    """Its sources bring its quotas and its pipeline keeps its number of candidates; nobody else's do."""
    worker, base = open_worker(SETTINGS), Settings()
    view = worker._view()
    lanes = {
        variant: view.lane_of(view.trials.arm([Exposure("fresh", variant, variant, "user")], view.model))
        for variant in ("control", "new")
    }
    quotas = {v: {s.name: s.quota for s in lane.pipeline.sources} for v, lane in lanes.items()}
    assert quotas["control"]["fresh"] == base.quotas.fresh and quotas["new"]["fresh"] == 7
    assert quotas["control"] | {"fresh": 7} == quotas["new"]
    assert (lanes["control"].pipeline.total, lanes["new"].pipeline.total) == (base.candidates, 30)
    assert lanes["control"].recipe_hash != lanes["new"].recipe_hash
