"""Retraining: the last stretch is held back, the gate judges on it, and what cannot be learned from leaves nothing."""

import shutil
from pathlib import Path

import pytest

from feedrank.errors import InvalidInput
from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.training.fit import FitParams
from feedrank.training.gate import Retraining, Terms, alone, retrain
from feedrank.training.gate.retrain import newest_event
from feedrank.training.train import Assignment
from feedrank.types import DAY, HOUR, SECOND, Action, Event, Item, ItemId, UserId
from tests.news_stream import T0
from tests.rankers import GOOD

pytestmark = pytest.mark.usefixtures("unverified")

ASSIGNMENT = Assignment("nightly", features=GOOD, params=FitParams(max_rounds=60, patience=20, num_threads=1))
PLAN = Retraining(ASSIGNMENT, "champion", holdout=36 * HOUR)


@pytest.fixture
def registry(two_models: Path, tmp_path: Path) -> Registry:
    shutil.copytree(two_models, tmp_path / "models")
    return Registry(tmp_path / "models", fingerprint_of)


def test_the_newest_version_is_judged_on_the_stretch_held_back(gate_store: SqliteStore, registry: Registry) -> None:
    registry.set_alias("champion", "poor", "for this test")
    end = newest_event(gate_store)
    found = retrain(gate_store, registry, PLAN)
    assert found.trained.reference == registry.resolve("nightly") == found.gate.challenger
    assert found.trained.data.until <= end + 1 - 36 * HOUR <= found.gate.start < found.gate.until <= end + 1
    assert (found.gate.outcome, found.gate.against, found.swept) == ("better", (), ())
    assert registry.resolve_alias("champion").startswith("poor@"), "whoever asked promotes"

    registry.set_alias("champion", found.trained.reference, "better", found.gate)
    strict = retrain(gate_store, registry, PLAN)
    assert strict.gate.outcome == "not worse" and strict.gate.against
    lenient = retrain(gate_store, registry, Retraining(ASSIGNMENT, "champion", 36 * HOUR, terms=Terms(True)))
    assert (lenient.gate.outcome, lenient.gate.against) == ("not worse", ())


def test_the_first_version_needs_no_proof_and_a_window_forgets_what_is_old(
    gate_store: SqliteStore, tmp_path: Path
) -> None:
    (tmp_path / "nightly" / ".new-left").mkdir(parents=True)
    found = retrain(gate_store, Registry(tmp_path, fingerprint_of), Retraining(ASSIGNMENT, "champion", DAY, DAY))
    assert found.swept == ("nightly/.new-left",)
    assert found.trained.made_champion and (found.gate.champion, found.gate.against) == ("", ())
    cut = newest_event(gate_store) + 1 - DAY
    assert cut - DAY <= found.trained.data.start < found.trained.data.until <= cut


def log_of(folder: Path, kind: str) -> SqliteStore:
    """Three days of ten users' hourly impressions of three items, but for what `kind` says."""
    store = SqliteStore.open(folder, Settings())
    if kind == "nothing":
        return store
    if kind == "items alone":
        store.append_items([Item(ItemId("a"), "A")], None)
        return store
    shown = ("a",) if kind == "one item" else ("a", "b", "c")
    events = []
    for k in range(72):
        user = UserId("one" if kind == "one user" else f"u{k % 10}")
        time, request = T0 + k * HOUR, f"r{k}"
        events.append(Event(f"v{k}", user, time, Action.VIEW, request_id=request, item_ids=shown))
        clicked = {"no clicks": (), "all clicked": shown}.get(kind, ("abc"[k % len(shown)],))
        for item in clicked:
            events.append(Event(f"c{k}{item}", user, time + SECOND, Action.CLICK, item, request_id=request))
    assert not store.append_events(events, None).rejected
    return store


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("nothing", "the log holds no events"),
        ("items alone", "the log holds no events"),
        ("no clicks", "none of the 48 impressions has a click"),
        ("one user", "are of one user"),
        ("one item", "the log holds no impressions"),
        ("all clicked", "clicked throughout or not at all: none tells an order"),
    ],
)
def test_what_cannot_be_learned_from_is_said_and_leaves_nothing(tmp_path: Path, kind: str, said: str) -> None:
    store = log_of(tmp_path / "data", kind)
    registry = Registry(tmp_path / "models", fingerprint_of)
    with pytest.raises(InvalidInput, match=said):
        retrain(store, registry, Retraining(ASSIGNMENT, "champion"))
    store.close()
    assert registry.versions() == [] and registry.resolve_alias("champion") == ""
    assert list((tmp_path / "models").glob("*/*")) == []


def test_a_holdout_that_leaves_nothing_to_train_on_is_said(gate_store: SqliteStore, tmp_path: Path) -> None:
    registry = Registry(tmp_path, fingerprint_of)
    with pytest.raises(InvalidInput, match="no events of that time"):
        retrain(gate_store, registry, Retraining(ASSIGNMENT, "champion", holdout=100 * DAY))


def test_one_at_a_time(tmp_path: Path) -> None:
    with alone(tmp_path / "models") as first, alone(tmp_path / "models") as second:
        assert (first, second) == (True, False)
        with alone(tmp_path / "others") as elsewhere:
            assert elsewhere
    with alone(tmp_path / "models") as again:
        assert again
