"""What a request's variants add up to, and what becomes of those whose model did not load: never half of a variant."""

import numpy as np
import pytest

from feedrank.experiments.document import experiments_hash, parse_experiments
from feedrank.experiments.exposures import Exposure
from feedrank.pipeline.scorers import PriorScorer
from feedrank.serving.lanes import Model
from feedrank.serving.trials import Trials

A, B = (f"m@2026110{k}T000000000000-0123abcd" for k in (1, 2))
TEXT = f"""
[[experiment]]
name = "ab"
salt = "ab"
layer = "one"
control = "old"
variant = [
  {{ name = "new", weight = 50, model = "{A}", settings = {{ selector.diversity = 0.3 }} }},
  {{ name = "old", weight = 50, settings = {{ selector.diversity = 0.1 }} }},
]

[[experiment]]
name = "both"
salt = "both"
layer = "two"
variant = [
  {{ name = "x", weight = 50, settings = {{ quotas.fresh = 1 }} }},
  {{ name = "y", weight = 50, settings = {{ quotas.fresh = 2, seen_views = 4 }} }},
]

[[experiment]]
name = "duel"
kind = "interleaving"
salt = "duel"
layer = "one"
start = 2030-01-01T00:00:00Z
variant = [{{ name = "champion" }}, {{ name = "rival", model = "{B}" }}]
"""
TEXT = TEXT.replace('control = "old"', 'control = "old"\nend = 2030-01-01T00:00:00Z')


def model(version: str, space: str = "") -> Model:
    scorer = PriorScorer()
    return Model(version, scorer, space, scorer.features)


def trials(**failures: str) -> Trials:
    loaded = {v: model(v, "text") for v in (A, B) if v not in failures.values()}
    return Trials(parse_experiments(TEXT), experiments_hash(TEXT), loaded, dict.fromkeys(failures.values(), "damaged"))


CHAMPION = model("champion@1", "text")


def given(name: str, variant: str, overridden: bool = False) -> Exposure:
    return Exposure(name, variant, variant, "user", overridden)


def test_nobody_in_an_experiment_changes_nothing():
    arm = trials().arm([Exposure("holdout", "held", "held", "user")], CHAMPION)
    assert arm.changes_nothing and arm.exposures[0].clean and arm.degraded == ()


def test_variants_of_several_layers_add_up():
    arm = trials().arm([given("ab", "new"), given("both", "y")], CHAMPION)
    assert arm.model is not None and arm.model.version == A
    assert dict(arm.changes) == {"selector.diversity": 0.3, "quotas.fresh": 2, "seen_views": 4}
    assert all(e.clean for e in arm.exposures) and not arm.degraded


def test_a_variant_that_does_not_load_is_the_control_marked():
    arm = trials(a=A).arm([given("ab", "new"), given("both", "x")], CHAMPION)
    assert arm.model is None and dict(arm.changes) == {"selector.diversity": 0.1, "quotas.fresh": 1}
    assert [(e.assigned, e.served, e.clean) for e in arm.exposures] == [("new", "old", False), ("x", "x", True)]
    assert arm.degraded == ("variant:ab",)


def test_a_control_that_does_not_load_leaves_nothing_of_the_experiment():
    flipped = Trials(parse_experiments(TEXT.replace('control = "old"', 'control = "new"')), b"", {}, {A: "damaged"})
    arm = flipped.arm([given("ab", "new")], CHAMPION)
    assert arm.changes_nothing and arm.exposures[0].served == "" and arm.degraded == ("variant:ab",)
    assert flipped.arm([given("ab", "old")], CHAMPION).exposures[0].clean


def test_two_models_draft_only_where_both_load_and_share_their_space():
    arm = trials().arm([given("duel", "interleaved")], CHAMPION)
    assert (arm.model, arm.team_names) == (CHAMPION, ("champion", "rival"))
    assert arm.rival is not None and arm.rival.version == B
    for absent, in_force in ((trials(b=B), CHAMPION), (trials(), model("champion@1", "another space"))):
        arm = absent.arm([given("duel", "interleaved")], in_force)
        assert arm.rival is None and arm.exposures[0].served == "champion" and not arm.exposures[0].clean
    alone = trials().arm([given("duel", "rival", overridden=True)], CHAMPION)
    assert alone.rival is None and alone.model is not None and alone.model.version == B


def test_reports_name_states_and_what_failed():
    now = 1_795_000_000 * 1_000_000
    reports = {r.name: r for r in trials(a=A).reports(now)}
    assert (reports["ab"].state, reports["ab"].failed_variants) == ("running", ("new",))
    assert reports["duel"].state == "scheduled" and reports["both"].failed_variants == ()


@pytest.mark.parametrize("space", ["", "text"])
def test_a_model_without_a_space_shares_any(space):
    assert model("a", space).shares_space(model("b", "")) and model("b", "").shares_space(model("a", space))
    assert not np.bool_(model("a", "text").shares_space(model("b", "other")))
