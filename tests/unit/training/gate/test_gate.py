"""The gate: only what is proven better passes, every refusal says why, and the registry keeps what was found."""

import shutil
from pathlib import Path

import pytest

from feedrank.errors import Conflict, NotFound, RegistryError
from feedrank.features import fingerprint_of
from feedrank.registry import DataRange, Registry
from feedrank.store.sqlite import SqliteStore
from feedrank.training.audit.settings import AuditSettings
from feedrank.training.dataset import Dataset
from feedrank.training.gate import Challenge, Terms, decide, described
from feedrank.types import HOUR
from tests.news_stream import T0
from tests.rankers import CUT, GOOD, POOR, publish

pytestmark = pytest.mark.usefixtures("unverified")


@pytest.fixture
def registry(two_models: Path, tmp_path: Path) -> Registry:
    """A copy of the two models; nobody is champion yet."""
    shutil.copytree(two_models, tmp_path / "models")
    return Registry(tmp_path / "models", fingerprint_of)


def crowned(registry: Registry, model: str) -> Registry:
    registry.set_alias("champion", model, "for this test")
    return registry


def test_a_planted_better_model_passes_and_the_figures_are_kept(gate_store: SqliteStore, registry: Registry) -> None:
    gate = decide(gate_store, crowned(registry, "poor"), Challenge("good", "champion"))
    assert (gate.outcome, gate.against, gate.forced) == ("better", (), False)
    assert (gate.challenger, gate.champion) == (registry.resolve("good"), registry.resolve("poor"))
    assert gate.impressions == 450 and 100 < gate.users <= 160
    assert CUT - HOUR < gate.start < gate.until
    auc, ndcg = gate.measures
    assert (auc.metric, ndcg.metric) == ("auc", "ndcg@10")
    assert auc.difference == pytest.approx(auc.challenger - auc.champion)
    assert 0 < auc.low < auc.difference < auc.high
    registry.set_alias("champion", gate.challenger, "better", gate)
    assert registry.history("champion")[-1].gate == gate
    for part in ("good@", "against poor@", "is better", "450 impressions", "auc"):
        assert part in described(gate)


def test_a_worse_one_is_refused(gate_store: SqliteStore, registry: Registry) -> None:
    gate = decide(gate_store, crowned(registry, "good"), Challenge("poor", "champion", terms=Terms(allow_equal=True)))
    assert (gate.outcome, gate.against) == ("worse", ("is worse",))
    assert gate.measures[0].high < 0
    assert "refused: it is worse" in described(gate)


def test_the_champion_itself_is_never_better(gate_store: SqliteStore, registry: Registry, early_rows: Dataset) -> None:
    """Nor is a model that gives the same scores under another version."""
    crowned(registry, "good")
    again = publish(registry.folder, "again", early_rows, GOOD)
    for model in ("good", again):
        gate = decide(gate_store, registry, Challenge(model, "champion"))
        assert (gate.outcome, len(gate.against)) == ("not worse", 1)
        assert "not proven better" in gate.against[0]
        assert [(m.difference, m.low, m.high) for m in gate.measures] == [(0.0, 0.0, 0.0)] * 2
    equal = decide(gate_store, registry, Challenge(again, "champion", terms=Terms(allow_equal=True)))
    assert (equal.outcome, equal.against) == ("not worse", ())


def test_an_equal_one_of_older_data_does_not_pass_for_fresh(
    gate_store: SqliteStore, registry: Registry, early_rows: Dataset
) -> None:
    crowned(registry, "good")
    older = publish(registry.folder, "older", early_rows, GOOD, data=DataRange(start=1, until=CUT - 10 * HOUR))
    gate = decide(gate_store, registry, Challenge(older, "champion", terms=Terms(allow_equal=True)))
    assert gate.outcome == "not worse" and "older data" in gate.against[0]


def test_too_little_to_prove_anything_is_said(gate_store: SqliteStore, registry: Registry) -> None:
    crowned(registry, "poor")
    short = decide(gate_store, registry, Challenge("good", "champion", CUT, CUT + 4 * HOUR))
    assert short.outcome == "unproven" and "is unproven: the held-out period has 50 impressions" in short.against[0]
    none = decide(gate_store, registry, Challenge("good", "champion", CUT + 1_000 * HOUR))
    assert none.outcome == "unproven" and "no impressions in that period" in none.against[0]
    assert none.measures == ()


def test_nothing_is_proven_on_what_either_has_learned_from(gate_store: SqliteStore, registry: Registry) -> None:
    gate = decide(gate_store, crowned(registry, "poor"), Challenge("good", "champion", T0 + 50 * HOUR))
    assert gate.outcome == "not compared"
    assert "which is not held out: good@" in gate.against[0] and "; poor@" in gate.against[0]


def test_a_model_that_does_not_say_what_it_learned_from_needs_a_period(
    gate_store: SqliteStore, registry: Registry, early_rows: Dataset
) -> None:
    crowned(registry, "poor")
    foreign = publish(registry.folder, "foreign", early_rows, GOOD, data=None)
    refused = decide(gate_store, registry, Challenge(foreign, "champion"))
    assert "does not say what it was trained on" in refused.against[0]
    assert decide(gate_store, registry, Challenge(foreign, "champion", CUT)).outcome == "better"


def test_another_counter_delay_is_another_past(
    gate_store: SqliteStore, registry: Registry, early_rows: Dataset
) -> None:
    crowned(registry, "poor")
    late = publish(registry.folder, "late", early_rows, GOOD, counter_delay_s=300.0)
    refused = decide(gate_store, registry, Challenge(late, "champion"))
    said = "is for counters 300 s late, the champion with 0 s"
    assert (refused.outcome, refused.against) == ("not compared", (said,))
    told = decide(gate_store, registry, Challenge(late, "champion", counter_delay=0))
    assert (told.outcome, told.against) == ("better", (said,)), "the figures are there for who forces it"


def test_without_a_log_only_a_first_champion_passes(registry: Registry) -> None:
    first = decide(None, registry, Challenge("poor", "champion"))
    assert (first.champion, first.outcome, first.against) == ("", "not compared", ())
    assert "the first there is" in described(first)
    crowned(registry, "poor")
    assert "give --data-dir" in decide(None, registry, Challenge("good", "champion")).against[0]


def test_a_failed_guardrail_refuses_even_the_better(gate_store: SqliteStore, registry: Registry) -> None:
    crowned(registry, "poor")
    strict = AuditSettings(novelty=1_000.0, coverage=0.1)
    gate = decide(gate_store, registry, Challenge("good", "champion", limits=strict))
    assert gate.outcome == "better"
    held = {rail.name: rail for rail in gate.guardrails}
    (failed,) = (name for name, rail in held.items() if not rail.passed)
    assert failed.startswith("novelty") and held[failed].limit == 1_000
    assert gate.against == (f"fails the audit's guardrail {failed!r}: {held[failed].value:.4g}, and the limit is 1000",)
    assert any(rail.value is None for rail in gate.guardrails), "no vectors: near duplicates cannot be told"
    registry.set_alias("champion", gate.challenger, "forced", gate.model_copy(update={"forced": True}))
    assert registry.history("champion")[-1].gate is not None, "what could not be measured reads back"


def test_groups_are_held_to_what_the_champion_makes_of_them(gate_store: SqliteStore, registry: Registry) -> None:
    """Far behind or not, a group fails a challenger only for what it adds; nobody adds anything to their own."""
    crowned(registry, "good")
    strict = AuditSettings(user_gap=0.0, added_gap=0.0)
    gate = decide(gate_store, registry, Challenge("good", "champion", limits=strict, terms=Terms(allow_equal=True)))
    own = [rail for rail in gate.guardrails if rail.name.startswith("AUC of ")]
    assert own and {(rail.value, rail.passed) for rail in own} == {(0.0, True)}
    champion = registry.resolve("good")
    assert all(rail.name.endswith(f"less that by {champion}") for rail in own) and gate.against == ()
    other = decide(gate_store, registry, Challenge("poor", "champion", limits=strict))
    assert all(rail.value != 0.0 for rail in other.guardrails if rail.name.startswith("AUC of "))


def test_a_champion_that_does_not_load_proves_nothing_and_is_named(gate_store: SqliteStore, registry: Registry) -> None:
    crowned(registry, "poor")
    name, _, version = registry.resolve("poor").partition("@")
    (registry.folder / name / version / "model.txt").unlink()
    gate = decide(gate_store, registry, Challenge("good", "champion"))
    assert gate.outcome == "not compared"
    assert "'champion', which does not load" in gate.against[0] and "model.txt" in gate.against[0]
    shutil.rmtree(registry.folder / "poor")
    assert "which does not load" in decide(gate_store, registry, Challenge("good", "champion")).against[0]


def test_a_damaged_challenger_or_one_of_other_features_is_an_error(registry: Registry) -> None:
    with pytest.raises(NotFound, match="no model or alias"):
        decide(None, registry, Challenge("nobody", "champion"))
    changed = Registry(registry.folder, lambda name, space: "abc" if name == POOR[0] else fingerprint_of(name, space))
    with pytest.raises(RegistryError, match=f"'{POOR[0]}' has changed"):
        decide(None, changed, Challenge("poor", "champion"))
    name, _, version = registry.resolve("good").partition("@")
    model = registry.folder / name / version / "model.txt"
    model.write_text(model.read_text().replace("leaf_value=", "leaf_value=1", 1))
    with pytest.raises(RegistryError, match="altered since it was registered"):
        decide(None, registry, Challenge("good", "champion"))


def test_a_champion_that_changed_meanwhile_is_not_replaced(gate_store: SqliteStore, registry: Registry) -> None:
    gate = decide(gate_store, crowned(registry, "poor"), Challenge("good", "champion"))
    crowned(registry, shutil.copytree(registry.folder / "poor", registry.folder / "other").name)
    with pytest.raises(Conflict, match=r"'champion' has come to mean other@.* since good@.* compare again"):
        registry.set_alias("champion", gate.challenger, "too late", gate)
    crowned(registry, "poor").set_alias("champion", gate.challenger, "compared with just this one", gate)
    assert registry.resolve_alias("champion") == gate.challenger
