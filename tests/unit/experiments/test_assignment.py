"""Assignment: sticky, weighted, exclusive within a layer, independent across layers, and never by what it may not."""

import numpy as np
import pytest
from scipy import stats

from feedrank.errors import InvalidInput
from feedrank.experiments.assignment import Subject, assign
from feedrank.experiments.document import parse_experiments
from feedrank.experiments.exposures import Exposure, exposures_of, logged, variants_of
from feedrank.types import DAY, SECOND, Context, Micros
from feedrank.v1 import log_pb2

NOW: Micros = 1_795_000_000 * SECOND  # 2026-11-18
USERS = 20_000

LAYERS = """
[[experiment]]
name = "a"
salt = "a"
layer = "one"
buckets = [0, 6000]
variant = [{name="control", weight=70}, {name="new", weight=30, settings={selector.diversity=0.3}}]

[[experiment]]
name = "b"
salt = "b"
layer = "one"
buckets = [6000, 10000]
variant = [{name="control", weight=50}, {name="new", weight=50, settings={selector.diversity=0.4}}]

[[experiment]]
name = "c"
salt = "c"
layer = "two"
variant = [{name="control", weight=50}, {name="new", weight=50, settings={quotas.fresh=10}}]
"""


def subject(user: str = "u1", session: str = "", request: str = "r", is_new: bool = False, **context: str) -> Subject:
    return Subject(user, session, request, Context(**context), lambda: is_new)


def given(experiments, who: Subject, now: Micros = NOW, **overrides: str) -> dict[str, str]:
    return variants_of(assign(experiments, who, now, overrides))


@pytest.fixture(scope="module")
def assigned():
    experiments = parse_experiments(LAYERS)
    return [given(experiments, subject(f"u{k}")) for k in range(USERS)]


def test_experiments_of_one_layer_exclude_each_other_and_fill_their_buckets(assigned):
    assert not any("a" in v and "b" in v for v in assigned)
    assert all(("a" in v) + ("b" in v) == 1 and "c" in v for v in assigned)
    assert stats.binomtest(sum("a" in v for v in assigned), USERS, 0.6).pvalue > 1e-4


def test_variants_come_in_their_weights(assigned):
    of_a = [v["a"] for v in assigned if "a" in v]
    assert stats.binomtest(of_a.count("new"), len(of_a), 0.3).pvalue > 1e-4


def test_layers_are_independent(assigned):
    table = np.zeros((2, 2), np.int64)
    for v in assigned:
        if "a" in v:
            table[v["a"] == "new", v["c"] == "new"] += 1
    assert stats.chi2_contingency(table).pvalue > 1e-4


def test_a_unit_keeps_its_variant_over_time_contexts_and_sessions():
    experiments = parse_experiments(LAYERS)
    for k in range(50):
        first = given(experiments, subject(f"u{k}"))
        other = subject(f"u{k}", session="s9", request="another", region="north", device="phone")
        assert given(experiments, other, NOW + 30 * DAY) == first


def test_a_ramp_only_adds_units_and_moves_nobody():
    text = """
[[experiment]]
name = "a"
salt = "a"
layer = "one"
ramp = [{at=2026-11-01T00:00:00Z, percent=10}, {at=2026-11-20T00:00:00Z, percent=50}]
variant = [{name="control", weight=50}, {name="new", weight=50}]
"""
    experiments = parse_experiments(text)
    before = {k: v["a"] for k in range(USERS) if (v := given(experiments, subject(f"u{k}")))}
    after = {k: v["a"] for k in range(USERS) if (v := given(experiments, subject(f"u{k}"), NOW + 5 * DAY))}
    assert before.items() <= after.items()
    assert stats.binomtest(len(before), USERS, 0.1).pvalue > 1e-4
    assert stats.binomtest(len(after), USERS, 0.5).pvalue > 1e-4
    assert not any(given(experiments, subject(f"u{k}"), NOW - 30 * DAY) for k in range(100))


def test_audiences_choose_by_context_and_by_how_much_is_known():
    text = """
[[experiment]]
name = "a"
salt = "a"
layer = "one"
audience = {regions=["north"], devices=["phone", "tablet"], new_users=true}
variant = [{name="control", weight=50}, {name="new", weight=50}]
"""
    experiments = parse_experiments(text)
    assert given(experiments, subject(region="north", device="phone", is_new=True))
    assert not given(experiments, subject(region="south", device="phone", is_new=True))
    assert not given(experiments, subject(region="north", device="tv", is_new=True))
    assert not given(experiments, subject(region="north", device="phone", is_new=False))


def test_an_audience_is_of_a_language_and_of_a_share_that_keeps_its_people():
    text = """
[[experiment]]
name = "a"
salt = "a"
layer = "one"
audience = {languages=["en", "no"], percent=30}
variant = [{name="control", weight=50}, {name="new", weight=50}]
"""
    experiments, whole = parse_experiments(text), parse_experiments(text.replace(", percent=30", ""))
    reached = {k: v for k in range(5_000) if (v := given(experiments, subject(f"u{k}", language="en")))}
    assert stats.binomtest(len(reached), 5_000, 0.3).pvalue > 1e-4
    assert stats.binomtest(sum(v["a"] == "new" for v in reached.values()), len(reached), 0.5).pvalue > 1e-4
    for k, variant in reached.items():  # a share of the same draw, in any language it is open to
        assert given(whole, subject(f"u{k}", language="en")) == variant
        assert given(experiments, subject(f"u{k}", language="no")) == variant
        assert not given(experiments, subject(f"u{k}", language="de"))


def test_whoever_may_not_be_known_goes_by_session_then_by_request():
    experiments = parse_experiments(LAYERS)
    exposures = assign(experiments, subject("", session="s1"), NOW, {})
    assert {e.unit for e in exposures} == {"session"}
    assert exposures == assign(experiments, subject("", session="s1", request="other"), NOW, {})
    by_request = [variants_of(assign(experiments, subject("", request=f"r{k}"), NOW, {}))["c"] for k in range(200)]
    assert set(by_request) == {"control", "new"}
    # A session is another unit than a user of the same name.
    same = [
        given(experiments, subject(f"x{k}"))["c"] == given(experiments, subject("", session=f"x{k}"))["c"]
        for k in range(400)
    ]
    assert 120 < sum(same) < 280


def test_session_experiments_go_by_session_for_known_users_too():
    experiments = parse_experiments(LAYERS.replace('layer = "two"', 'layer = "two"\nunit = "session"'))
    seen = {given(experiments, subject("u1", session=f"s{k}"))["c"] for k in range(50)}
    assert seen == {"control", "new"}


def test_the_holdout_meets_no_experiment_and_is_itself_one():
    experiments = parse_experiments('[holdout]\npercent = 20\nsalt = "2026"\n' + LAYERS)
    each = [given(experiments, subject(f"u{k}")) for k in range(5_000)]
    held = [v for v in each if v["holdout"] == "held"]
    assert stats.binomtest(len(held), 5_000, 0.2).pvalue > 1e-4
    assert all(v == {"holdout": "held"} for v in held)
    assert all("c" in v for v in each if v["holdout"] == "open")


def test_killed_ended_and_scheduled_experiments_assign_nobody():
    for head in ("enabled = false", "end = 2026-11-10T00:00:00Z", "start = 2026-12-10T00:00:00Z"):
        experiments = parse_experiments(LAYERS.replace('layer = "two"', f'layer = "two"\n{head}'))
        assert not any("c" in given(experiments, subject(f"u{k}")) for k in range(50))


def test_an_override_takes_its_layer_and_is_marked():
    experiments = parse_experiments(LAYERS)
    for k in range(20):
        exposures = assign(experiments, subject(f"u{k}"), NOW, {"b": "new"})
        by_name = {e.experiment: e for e in exposures}
        assert set(by_name) == {"b", "c"}
        assert by_name["b"].served == "new" and by_name["b"].overridden and not by_name["b"].clean
        assert by_name["c"].clean


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"zzz": "new"}, "experiment 'zzz', which is not defined; there is: a, b, c"),
        ({"a": "zzz"}, r"experiment_overrides\['a'\] is 'zzz', which is no variant of it; it has control, new"),
        ({"a": "new", "b": "new"}, "'a' and 'b', which exclude each other in layer 'one'"),
        ({"c": "new"}, "'c', which is killed"),
    ],
)
def test_an_override_that_names_nothing_is_refused(overrides, says):
    experiments = parse_experiments(LAYERS.replace('layer = "two"', 'layer = "two"\nenabled = false'))
    with pytest.raises(InvalidInput, match=says):
        assign(experiments, subject(), NOW, overrides)


def test_exposures_come_back_from_the_log_as_they_went_in():
    exposures = (
        Exposure("a", "new", "new", "user"),
        Exposure("b", "new", "control", "session"),
        Exposure("c", "control", "", "request", overridden=True),
    )
    slate = log_pb2.Slate.FromString(log_pb2.Slate(exposures=logged(exposures)).SerializeToString())
    assert exposures_of(slate) == exposures
    assert [e.clean for e in exposures] == [True, False, False]
    assert variants_of(exposures) == {"a": "new", "b": "control"}
