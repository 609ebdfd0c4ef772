"""Experiments that are not what they should be: a clear message, never a wrong verdict."""

import pytest

from feedrank.analysis.experiment_report import Decision, Question, analyse, load_definitions
from feedrank.errors import InvalidInput, NotFound
from feedrank.store import StoredSlate
from feedrank.types import DAY, HOUR, MINUTE, Action, Event, UserId
from feedrank.v1 import log_pb2 as log
from tests.experiment_shop import DEFINITION, END_OF, PLACES, START, Shop, decision, report_of


def test_a_split_that_is_off_breaks_it(shop: Shop) -> None:
    shop.define()
    shop.live(600, 2, (0.05, 0.3))
    gone = {f"u{n}" for n in range(1, 600, 2) if n % 3 == 0}
    shop.slates = [s for s in shop.slates if s.user_id not in gone]
    report = report_of(shop)
    assert decision(report) is Decision.BROKEN
    assert "the split is off: 300 : 200 users where 250 : 250 were planned" in report.verdicts[0].why


def test_an_empty_variant_breaks_it(shop: Shop) -> None:
    shop.define()
    shop.live(200, 2, (0.1, 0.1))
    shop.slates = [s for s in shop.slates if not int(s.user_id[1:]) % 2]
    report = report_of(shop)
    assert decision(report) is Decision.BROKEN
    assert "variant 'new' has no user at all" in report.verdicts[0].why
    assert not report.readings


def test_no_data_and_no_such_experiment_are_said_plainly(shop: Shop) -> None:
    shop.live(4, 1, (0.1, 0.1))
    with pytest.raises(NotFound, match="'other' is neither defined in the log nor named by any slate"):
        analyse(shop.written(), Question("other"), load_definitions())
    shop.define(
        '[[experiment]]\nname = "idle"\nsalt = "idle"\nlayer = "x"\n'
        'variant = [{ name = "a", weight = 50 }, { name = "b", weight = 50 }]'
    )
    with pytest.raises(InvalidInput, match="experiment 'idle' has no data"):
        analyse(shop.store, Question("idle"), load_definitions())


def test_exposures_sent_twice_count_once(shop: Shop) -> None:
    shop.define()
    shop.live(300, 3, (0.1, 0.1))
    once = report_of(shop)
    for stored in list(shop.store.slates(0, 2**62))[:50]:
        shop.slates.append(type(stored)(stored.request_id, stored.user_id, stored.time + HOUR, stored.body))
    twice = report_of(shop)
    assert twice.population.left_out.duplicated_slates == 50
    assert [r.effect for r in twice.readings] == pytest.approx([r.effect for r in once.readings], nan_ok=True)
    assert any("50 slates were logged again" in w for w in twice.health.warnings)


def test_an_exposure_logged_twice_in_one_slate_counts_once(shop: Shop) -> None:
    shop.define()
    shop.live(300, 3, (0.1, 0.1))
    shop.slates = [_with_every_exposure_twice(stored) for stored in shop.slates]
    report = report_of(shop)
    assert report.population.counts == (150, 150)
    assert len(report.population.slates) == len(list(shop.store.slates(0, 2**62)))
    assert report.population.left_out.crossed_units == 0 and not report.health.broken


def _with_every_exposure_twice(stored: StoredSlate) -> StoredSlate:
    slate = log.Slate.FromString(stored.body)
    slate.exposures.extend(list(slate.exposures))
    return StoredSlate(stored.request_id, stored.user_id, stored.time, slate.SerializeToString())


def test_a_variant_the_definition_does_not_have_is_named(shop: Shop) -> None:
    shop.define()
    shop.live(20, 1, (0.1, 0.1))
    shop.slate("u99", START + HOUR, "other")
    with pytest.raises(InvalidInput, match="name variant 'other', which its definition does not have: control, new"):
        report_of(shop)


def test_a_program_that_stays_below_the_limit_gives_no_winner(shop: Shop) -> None:
    """999 clicks a day are no bot by the rule; then it is the skewness that forbids a verdict."""
    shop.define()
    shop.live(600, 5, (0.1, 0.1))
    for day in range(5):
        for n in range(30):
            time = START + day * DAY + n * MINUTE
            request = shop.slate("eager", time, "new", request_id=f"eager{day}-{n}")
            shop.answer("eager", time, request, range(PLACES))
    for horizon in (0, END_OF[5]):
        report = report_of(shop, horizon=horizon)
        assert report.population.left_out.bots == {} and report.population.counts == (300, 301)
        assert decision(report) is Decision.WAIT, report.verdicts
        assert "needs at least" in report.verdicts[0].why


def test_a_bot_is_left_out(shop: Shop) -> None:
    shop.define()
    shop.live(400, 3, (0.1, 0.1))
    clean = report_of(shop)
    request = shop.slate("bot", START + HOUR, "new")
    for i in range(100_000):
        time = START + HOUR + i * 1_000
        shop.events.append(Event(f"b{i}", UserId("bot"), time, Action.CLICK, "a1", request_id=request))
    report = report_of(shop)
    assert report.population.left_out.bots == {"new": 1}
    assert report.population.counts == (200, 200)
    assert [r.effect for r in report.readings] == pytest.approx([r.effect for r in clean.readings], nan_ok=True)
    assert any("1 users behave like programs" in w for w in report.health.warnings)


def test_users_of_a_variant_that_did_not_load_count_where_they_were_assigned(shop: Shop) -> None:
    shop.define()
    shop.live(600, 2, (0.1, 0.1))
    for i, n in enumerate(range(1, 600, 2)):
        shop.slate(f"u{n}", START + 2 * DAY, "new", served="control" if i < 12 else "new", request_id=f"late{n}")
    report = report_of(shop)
    assert report.population.counts == (300, 300)
    assert 0 < report.population.fell_back["new"] < 0.05
    assert any("it fell back; they are counted where they were assigned" in w for w in report.health.warnings)
    assert decision(report) is not Decision.BROKEN
    for n in range(1, 600, 2):
        shop.slate(f"u{n}", START + 3 * DAY, "new", served="control", request_id=f"later{n}")
    broken = report_of(shop)
    assert decision(broken) is Decision.BROKEN
    assert "was not what" in broken.verdicts[0].why


def test_users_in_two_variants_are_left_out_and_many_break_it(shop: Shop) -> None:
    shop.define()
    shop.live(400, 2, (0.1, 0.1))
    shop.slate("u0", START + 2 * DAY, "new")
    report = report_of(shop)
    assert report.population.left_out.crossed_units == 1
    assert report.population.counts == (199, 200)
    for n in range(0, 40, 2):
        shop.slate(f"u{n}", START + 2 * DAY, "new", request_id=f"x{n}")
    assert "20 of 400 users were in more than one variant" in report_of(shop).verdicts[0].why


def test_overrides_and_readers_without_an_id_do_not_count(shop: Shop) -> None:
    shop.define()
    shop.live(300, 2, (0.1, 0.1))
    shop.slate("tester", START + HOUR, "new", overridden=True)
    shop.slate("", START + HOUR, "new", unit="request")
    left_out = report_of(shop).population.left_out
    assert (left_out.overridden_slates, left_out.unidentified_slates) == (1, 1)


def test_a_log_without_a_definition_is_read_with_equal_shares(shop: Shop) -> None:
    shop.live(300, 2, (0.1, 0.1))
    report = report_of(shop)
    assert report.design.control == "control"
    assert any("no definition" in w for w in report.health.warnings)
    with pytest.raises(InvalidInput, match="has no variant 'b'"):
        report_of(shop, control="b")
    with pytest.raises(InvalidInput, match="unit 'page'"):
        report_of(shop, unit="page")


def test_slates_that_are_kept_no_longer_are_missed(shop: Shop) -> None:
    dated = DEFINITION.replace('layer = "ranking"', 'layer = "ranking"\nstart = 2025-12-20T00:00:00Z')
    shop.define(dated)
    shop.live(200, 2, (0.1, 0.1))
    assert any("more than a day before the oldest slate" in w for w in report_of(shop).health.warnings)


def test_a_salt_that_changed_breaks_it(shop: Shop) -> None:
    shop.define()
    shop.live(300, 2, (0.1, 0.1))
    shop.define(
        '[[experiment]]\nname = "ranker-7"\nsalt = "other"\nlayer = "ranking"\n'
        'variant = [{ name = "control", weight = 50 }, { name = "new", weight = 50 }]'
    )
    assert "its salt changed while it ran" in report_of(shop).verdicts[0].why
