"""experiments.toml: what can be said is read as meant, and each mistake is refused by its name and place."""

from datetime import UTC, datetime, timedelta

import pytest

from feedrank.errors import InvalidInput
from feedrank.experiments.amend import check_amendments
from feedrank.experiments.definitions import State
from feedrank.experiments.document import NO_EXPERIMENTS, parse_experiments
from feedrank.experiments.variables import VARIABLE, overlaid
from feedrank.settings import Settings

MODEL = "news@20261101T000000000000-0123abcd"
OTHER = "news@20261102T000000000000-0123abcd"
AT = datetime(2026, 11, 20, tzinfo=UTC)


def experiment(name: str = "a", *, layer: str = "ranking", head: str = "", variants: str = "", salt: str = "") -> str:
    variants = variants or '{name="control", weight=50}, {name="new", weight=50, settings={selector.diversity=0.3}}'
    return (
        f'[[experiment]]\nname="{name}"\nsalt="{salt or name}"\nlayer="{layer}"\n{head}\nvariant=[\n{variants}\n]\n'
    ).replace("}, {", "},\n{")


def test_everything_that_can_be_said_is_read():
    text = f"""
[holdout]
percent = 5
salt = "2026"

[[experiment]]
name = "ranker-7"
salt = "r7"
layer = "ranking"
buckets = [0, 5000]
unit = "user"
start = 2026-11-01T00:00:00Z
end = 2026-12-01T00:00:00
control = "old"
audience = {{ regions = ["north"], languages = ["en"], devices = ["phone"], new_users = false, percent = 50 }}
ramp = [{{ at = 2026-11-01T00:00:00Z, percent = 10 }}, {{ at = 2026-11-08T00:00:00Z, percent = 100 }}]
variant = [
  {{ name = "new", weight = 33.34, model = "{MODEL}", settings = {{ selector.diversity = 0.3, quotas.fresh = 50 }} }},
  {{ name = "old", weight = 66.66 }},
]

[[experiment]]
name = "duel"
kind = "interleaving"
salt = "duel"
layer = "ranking"
buckets = [5000, 10000]
unit = "user"
variant = [{{ name = "champion" }}, {{ name = "prior", model = "prior" }}]

[[shadow]]
name = "next"
model = "{OTHER}"
percent = 2.5
"""
    read = parse_experiments(text)
    first, duel = read.experiment
    assert first.variant[0].changes == (("quotas.fresh", 50), ("selector.diversity", 0.3))
    assert first.control_variant.name == "old" and duel.control_variant.name == "champion"
    assert first.end == datetime(2026, 12, 1, tzinfo=UTC)
    assert [first.percent(AT.replace(day=d)) for d in (1, 7, 8)] == [5.0, 5.0, 50.0]
    assert first.percent(datetime(2026, 10, 31, tzinfo=UTC)) == 0.0
    assert read.models(AT) == {MODEL, OTHER, "prior"}
    assert read.holdout is not None and read.holdout.percent == 5


def test_states_follow_the_clock_and_the_kill_switch():
    head = "start=2026-11-10T00:00:00Z\nend=2026-11-30T00:00:00Z"
    (running,) = parse_experiments(experiment(head=head)).experiment
    (killed,) = parse_experiments(experiment(head=head + "\nenabled=false")).experiment
    assert running.state(AT) is State.RUNNING
    assert running.state(AT - timedelta(days=11)) is State.SCHEDULED
    assert running.state(AT + timedelta(days=10)) is State.ENDED
    assert killed.state(AT) is State.KILLED
    ended = experiment(variants=f'{{name="c", weight=50}}, {{name="n", weight=50, model="{MODEL}"}}', head=head)
    assert parse_experiments(ended).models(AT + timedelta(days=10)) == frozenset()  # nothing is loaded for it any more


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[experiment", "not valid TOML"),
        ("[[experimnt]]\nname='a'", "experimnt"),
        (experiment(head="sallt='x'"), "experiment 'a', sallt: Extra"),
        (experiment(variants='{name="c", weight=50}, {name="n", weight=40}'), "experiment 'a': weights sum to 90"),
        (experiment(variants='{name="c", weight=50}, {name="n"}'), "'n' has no weight"),
        (experiment(variants='{name="c", weight=33.333}, {name="n", weight=66.667}'), "variant 'c', weight: 33.333"),
        (experiment(variants='{name="c", weight=100}'), "experiment 'a', variant: Tuple should have at least 2"),
        (experiment(variants='{name="c", weight=50}, {name="c", weight=50}'), "variant names repeat"),
        (
            experiment(variants='{name="c", weight=50}, {name="n", weight=50, model="news"}'),
            "variant 'n', model: 'news' is no NAME@VERSION",
        ),
        (
            experiment(variants='{name="c", weight=50}, {name="n", weight=50, settings={champion="x"}}'),
            "cannot set 'champion'; it may set candidates",
        ),
        (
            experiment(variants='{name="c", weight=50}, {name="n", weight=50, settings={selector={diversity=1.5}}}'),
            "selector.diversity cannot be 1.5",
        ),
        (
            experiment(variants='{name="c", weight=50}, {name="n", weight=50, settings={quotas.fresh="many"}}'),
            "quotas.fresh cannot be 'many'",
        ),
        (experiment(head="buckets=[5000, 5000]"), "buckets"),
        (experiment(head="control='x'"), "control 'x' is none of"),
        (experiment(head="start=2026-11-02T00:00:00Z\nend=2026-11-01T00:00:00Z"), "is not after start"),
        (
            experiment(head="ramp=[{at=2026-11-02T00:00:00Z, percent=50}, {at=2026-11-03T00:00:00Z, percent=5}]"),
            "ramp must go on in time and never down",
        ),
        (experiment("a") + experiment("a"), "two experiments or shadows are named 'a'"),
        (experiment("holdout"), "no experiment can be called 'holdout'"),
        (
            experiment("a", head="buckets=[0, 6000]") + experiment("b", head="buckets=[5000, 10000]"),
            "'a' and 'b' overlap in layer 'ranking': both hold buckets 5000 up to 6000",
        ),
        (
            experiment("a", head="buckets=[0, 50]") + experiment("b", head="buckets=[50, 60]\nunit='session'"),
            "share layer 'ranking' but not their unit",
        ),
        (experiment("a") + experiment("b", layer="other"), "both change 'selector.diversity' in different layers"),
        (
            experiment(head="kind='interleaving'", variants=f'{{name="c"}}, {{name="n", weight=50, model="{MODEL}"}}'),
            "have no weights",
        ),
        (experiment(head="kind='interleaving'", variants='{name="c"}, {name="n"}'), "two different models"),
        (f'[[shadow]]\nname="s"\nmodel="{MODEL}"\npercent=101', "shadow 's', percent"),
    ],
)
def test_a_mistake_is_refused_by_name_and_place(text: str, says: str):
    with pytest.raises(InvalidInput) as refused:
        parse_experiments(text)
    assert says in str(refused.value)


def test_experiments_apart_in_time_or_killed_may_share_what_they_would_contest():
    early = "end=2026-11-01T00:00:00Z"
    late = "start=2026-11-01T00:00:00Z"
    parse_experiments(experiment("a", head=early) + experiment("b", head=late))
    parse_experiments(experiment("a", head=early) + experiment("b", head=late, layer="other"))
    parse_experiments(experiment("a", head="enabled=false") + experiment("b"))


@pytest.mark.parametrize(
    ("after", "says"),
    [
        (experiment(salt="other"), "its salt changed"),
        (experiment(variants='{name="control", weight=40}, {name="new", weight=60}'), "variant 'control' weight"),
        (
            experiment(
                variants='{name="control", weight=50}, {name="new", weight=50, settings={selector.explore=0.3}}'
            ),
            "variant 'new' settings",
        ),
        (experiment(variants='{name="control", weight=50}, {name="newer", weight=50}'), "its list of variants"),
        (experiment(head="buckets=[0, 500]"), "its buckets changed"),
        (experiment(head="unit='session'"), "its unit changed"),
        (experiment(head="audience={percent=50}"), "its audience changed"),
    ],
)
def test_what_would_move_users_of_a_begun_experiment_is_refused(after: str, says: str):
    before = parse_experiments(experiment())
    with pytest.raises(InvalidInput, match="'a' has begun") as refused:
        check_amendments(before, parse_experiments(after), AT)
    assert says in str(refused.value)
    scheduled = parse_experiments(experiment(head="start=2027-01-01T00:00:00Z"))
    check_amendments(scheduled, parse_experiments(after), AT)  # nobody has seen it yet


def test_ends_ramps_and_the_kill_switch_may_change_and_experiments_may_come_and_go():
    before = parse_experiments(experiment())
    for head in ("enabled=false", "end=2026-11-21T00:00:00Z", "ramp=[{at=2026-11-01T00:00:00Z, percent=5}]"):
        check_amendments(before, parse_experiments(experiment(head=head)), AT)
    check_amendments(before, NO_EXPERIMENTS, AT)
    check_amendments(NO_EXPERIMENTS, before, AT)


def test_a_running_holdout_keeps_its_people():
    before, after = (parse_experiments(f'[holdout]\npercent={p}\nsalt="x"') for p in (5, 6))
    with pytest.raises(InvalidInput, match="the holdout changed"):
        check_amendments(before, after, AT)


def test_overlaid_settings_differ_only_where_asked():
    base = Settings()
    laid = overlaid(base, (("quotas.fresh", 7), ("seen_views", 9), ("selector.diversity", 0.5)))
    assert (laid.quotas.fresh, laid.seen_views, laid.selector.diversity) == (7, 9, 0.5)
    assert laid.quotas.interest == base.quotas.interest and laid.selector.explore == base.selector.explore
    assert laid.model_copy(update={n: v for n, v in base if n in ("quotas", "seen_views", "selector")}) == base
    assert {"selector.explore", "quotas.interest", "candidates"} <= set(VARIABLE)
