"""Feature values against their definitions, worked out plainly on a small world."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy import stats

from feedrank.features import FEATURES, NAMES, Feature, Raw, compute, gather
from feedrank.features.frame import Frame
from feedrank.features.raw import CO_HISTORY, NEGATIVE, POSITIVE, QUERY
from feedrank.history import NO_HISTORY, Profile, apply, profile
from feedrank.settings import HALF_LIVES_H
from feedrank.state import CODED, Count, State
from feedrank.state import apply as fold
from feedrank.types import F32, F64, HOUR, I32, MINUTE, SECOND, Action, AnyArray, Context, Micros
from tests.strategies import T0, FactLog, long_log, records_of, unit_vector

NOW = T0 + 30 * HOUR


def rows(*numbers: int) -> I32:
    return np.array(numbers, np.int32)


def state_of(log: FactLog) -> State:
    state = State()
    fold(state, log.facts)
    return state


def profile_of(log: FactLog, user: str, space: str = "text") -> Profile:
    return profile(apply(NO_HISTORY, records_of(log, user)), space)


def raw_of(log: FactLog, candidates: I32, user: str = "u", context: Context = Context(), now: Micros = NOW) -> Raw:
    return gather(state_of(log), candidates, profile_of(log, user), context, now, "text")


def column(raw: Raw, name: str) -> F64:
    return compute(raw, [name])[:, 0].astype(np.float64)


def about(values: Sequence[float] | AnyArray) -> object:
    return pytest.approx(list(values), rel=1e-6, abs=1e-7, nan_ok=True)


@pytest.fixture(scope="module")
def busy() -> Raw:
    """A request over all items of a log in which everything happens."""
    log = long_log(seed=11, length=1_500)
    user = profile_of(log, "u1")
    now = max(fact.received_at for fact in log.facts) // SECOND * SECOND
    context = Context(region="north", device="mobile", language="en", session_id="s1")
    return gather(state_of(log), rows(*range(8)), user, context, now, "text")


def test_click_through_rates_are_smoothed_by_category_and_overall(busy: Raw) -> None:
    counts, category = busy.items.counts, busy.items.category_counts
    overall = busy.requests.overall_counts[0]
    week = len(HALF_LIVES_H) - 1
    everything = (overall[Count.CLICKS, week] + 1) / (overall[Count.VIEWS, week] + 10)
    group = (category[:, Count.CLICKS, week] + 200 * everything) / (category[:, Count.VIEWS, week] + 200)
    for h, hours in enumerate(HALF_LIVES_H):
        expected = (counts[:, Count.CLICKS, h] + 20 * group) / (counts[:, Count.VIEWS, h] + 20)
        assert column(busy, f"ctr_{hours}h") == about(expected)
        assert column(busy, f"log_clicks_{hours}h") == about(np.log1p(counts[:, Count.CLICKS, h]))
        assert column(busy, f"log_views_{hours}h") == about(np.log1p(counts[:, Count.VIEWS, h]))
        engaged = counts[:, Count.CLICKS, h] + counts[:, Count.READS, h]
        assert column(busy, f"log_engaged_{hours}h") == about(np.log1p(engaged))
    everything = (overall[Count.CLICKS, 2] + 1) / (overall[Count.VIEWS, 2] + 10)
    for name, group in (("category", category), ("subcategory", busy.items.subcategory_counts)):
        expected = (group[:, Count.CLICKS, 2] + 200 * everything) / (group[:, Count.VIEWS, 2] + 200)
        assert column(busy, f"{name}_ctr") == about(expected)


def test_speed_rates_and_dwell(busy: Raw) -> None:
    counts = busy.items.counts
    engaged = counts[:, Count.CLICKS] + counts[:, Count.READS]
    for short, long in ((0, 1), (1, 2), (2, 3)):
        a, b = HALF_LIVES_H[short], HALF_LIVES_H[long]
        expected = [math.log((e[short] + 0.1) / a / ((e[long] + 0.1) / b)) for e in engaged]
        assert column(busy, f"speed_{a}h_{b}h") == about(expected)
    assert column(busy, "like_rate") == about(counts[:, Count.LIKES, 3] / (engaged[:, 3] + 20))
    assert column(busy, "hide_rate") == about(counts[:, Count.HIDES, 3] / (engaged[:, 3] + 20))
    assert column(busy, "mean_dwell_s") == about((counts[:, Count.DWELL_S, 3] + 150) / (counts[:, Count.DWELLS, 3] + 5))
    assert column(busy, "log_regional") == about(np.log1p(busy.items.regional))
    assert busy.items.regional.any()


def test_view_speed_compares_views_per_hour(busy: Raw) -> None:
    views = busy.items.counts[:, Count.VIEWS]
    for short, long in ((0, 1), (1, 2), (2, 3)):
        a, b = HALF_LIVES_H[short], HALF_LIVES_H[long]
        expected = [math.log((v[short] + 0.1) / a / ((v[long] + 0.1) / b)) for v in views]
        assert column(busy, f"view_speed_{a}h_{b}h") == about(expected)


def test_in_slate_features_rank_and_standardise_their_columns(busy: Raw) -> None:
    counts = busy.items.counts
    engaged = counts[:, Count.CLICKS] + counts[:, Count.READS]
    of = {
        **{f"ctr_{h}h": column(busy, f"ctr_{h}h") for h in (1, 6, 24)},
        **{f"engaged_{h}h": engaged[:, HALF_LIVES_H.index(h)] for h in (1, 6, 24)},
        **{f"views_{h}h": counts[:, Count.VIEWS, HALF_LIVES_H.index(h)] for h in HALF_LIVES_H},
        **{f"clicks_{h}h": np.log1p(counts[:, Count.CLICKS, HALF_LIVES_H.index(h)]) for h in (1, 6, 24)},
        "view_speed": column(busy, "view_speed_1h_6h"),
        "age": column(busy, "age_hours"),
        "co_sum": column(busy, "co_sum"),
        "category_affinity": column(busy, "category_affinity"),
        "sim_max": column(busy, "sim_max"),
        "sim_mean": column(busy, "sim_mean"),
        "number": busy.items.number.astype(np.float64),
        "seen": column(busy, "views_168h"),
    }
    ranks = [name.removeprefix("rank_") for name in NAMES if name.startswith("rank_")]
    assert set(ranks) == set(of)
    for name in ranks:
        sunk = np.nan_to_num(of[name], nan=-np.inf)
        assert column(busy, f"rank_{name}") == about((stats.rankdata(sunk) - 1) / 7)
    for name in [name for name in NAMES if name.startswith("z_")]:
        known = of[name.removeprefix("z_")]
        expected = (known - np.nanmean(known)) / np.nanstd(known)
        assert column(busy, name) == pytest.approx(expected, rel=1e-4, abs=1e-5, nan_ok=True)
    assert (column(busy, "slate_size") == 8).all()
    assert len(set(busy.items.number.tolist())) == 8


def test_the_number_of_an_item_is_what_its_id_ends_with() -> None:
    log = FactLog()
    for item_id in ("n9", "n10", "no-number", "7", "x" + "9" * 30):
        log.upsert(item_id, T0)
    numbers = raw_of(log, rows(*range(5))).items.number.tolist()
    assert numbers == [9, 10, -1, 7, int("9" * 18)]
    found = column(raw_of(log, rows(0, 1, 2, 3)), "rank_number")
    assert found == about([2 / 3, 1, 0, 1 / 3])  # what has none sinks
    gaps = column(raw_of(log, rows(0, 1, 2, 3)), "number_gap")
    assert gaps == about([math.log(2), 0, math.nan, math.log(4)])
    assert np.isnan(column(raw_of(log, rows(2)), "number_gap")).all()


def test_what_the_user_was_shown_last_and_since_reading() -> None:
    log = FactLog()
    for hours, items in ((1, ("a", "b")), (3, ("a", "c")), (5, ("c", "b"))):
        log.event(Action.VIEW, "u", items, T0 + hours * HOUR)
    log.event(Action.CLICK, "u", "a", T0 + 2 * HOUR)
    raw = raw_of(log, rows(*(log.row(item) for item in "abc")))
    assert column(raw, "in_last_slate") == about([0, 1, 1])
    assert column(raw, "views_since_read") == about([1, 1, 2])
    assert column(raw, "slate_seen") == about([1, 1, 1])
    stranger = raw_of(log, rows(0, 1), "nobody")
    assert column(stranger, "in_last_slate") == about([math.nan] * 2)
    assert column(stranger, "slate_seen") == about([0, 0])


def test_freshness_counts_from_publication_else_from_first_sight() -> None:
    log = FactLog()
    log.upsert("a", T0, published_at=T0 - 10 * HOUR, title="12345", body="123")
    log.upsert("b", T0 + HOUR)
    log.event(Action.VIEW, "v", "c", T0 + 2 * HOUR)
    log.event(Action.CLICK, "v", "b", T0 + 3 * HOUR)
    log.upsert("d", T0, published_at=NOW + HOUR)
    raw = raw_of(log, rows(0, 1, 2, 3))
    assert column(raw, "age_hours") == about([40, 29, 28, 0])
    assert column(raw, "first_seen_hours") == about([30, 29, 28, 30])
    assert column(raw, "last_click_hours") == about([math.nan, 27, math.nan, math.nan])
    assert column(raw, "title_chars") == about([5, 0, math.nan, 0])
    assert column(raw, "body_chars") == about([3, 0, math.nan, 0])


def test_response_compares_readiness_for_a_kind_with_readiness_for_anything() -> None:
    log = FactLog()
    for item, category in (("a", "sports"), ("b", "sports"), ("c", "politics"), ("d", "")):
        log.upsert(item, T0, category=category, subcategory=category and f"{category}/x")
    for hour, item in enumerate(("a", "a", "b", "c", "d"), 1):
        log.event(Action.VIEW, "u", item, T0 + hour * HOUR)
    log.event(Action.CLICK, "u", "a", T0 + 6 * HOUR)
    log.event(Action.CLICK, "u", "e", T0 + 7 * HOUR)  # never shown: no sign of readiness
    log.event(Action.VIEW, "v", "c", T0 + 7 * HOUR)  # someone else's
    log.upsert("f", T0, category="culture")
    log.upsert("g", T0, category="sports", subcategory="sports/y")
    raw = raw_of(log, rows(0, 1, 2, 3, 5, 6))
    usual = (2 + 0.05 * 20) / (5 + 20)  # both views of a, of five
    sports, politics = (2 + 10 * usual) / (3 + 10) / usual, (0 + 10 * usual) / (1 + 10) / usual
    assert column(raw, "category_response") == about([sports, sports, politics, math.nan, 1, sports])
    within = [(2 + 10 * usual * sports) / (3 + 10) / usual, (0 + 10 * usual * politics) / (1 + 10) / usual]
    # A subcategory nothing was shown of is liked as its category is.
    expected = [within[0], within[0], within[1], math.nan, math.nan, sports]
    assert column(raw, "subcategory_response") == about(expected)
    assert column(raw_of(log, rows(0), user="nobody"), "category_response") == about([1])


def test_response_counts_a_view_as_its_place_is_examined() -> None:
    log = FactLog()
    for item, category in (("a", "sports"), ("b", "politics"), ("c", "culture")):
        log.upsert(item, T0, category=category)
    log.event(Action.VIEW, "u", ("a", "b", "c"), T0 + HOUR)
    log.event(Action.CLICK, "u", "c", T0 + 2 * HOUR)
    raw = raw_of(log, rows(0, 1, 2))
    assert raw.views.places.tolist() == [1, 2, 3]
    places = [1, 2**-0.6, 3**-0.6]
    usual = (1 + 0.05 * 20) / (sum(places) + 20)
    expected = [(read + 10 * usual) / (p + 10) / usual for read, p in zip((0, 0, 1), places, strict=True)]
    assert column(raw, "category_response") == about(expected)


def test_response_counts_a_read_by_its_dwell() -> None:
    log = FactLog()
    for item, category in (("a", "sports"), ("b", "politics"), ("c", "culture"), ("d", "style")):
        log.upsert(item, T0, category=category)
        log.event(Action.VIEW, "u", item, T0 + HOUR)
    for item, dwell_s in (("a", 15.0), ("b", 900.0), ("c", None)):
        log.event(Action.CLICK, "u", item, T0 + 2 * HOUR)
        if dwell_s is not None:
            log.event(Action.DWELL, "u", item, T0 + 2 * HOUR + MINUTE, value=dwell_s)
    log.event(Action.LIKE, "u", "a", T0 + 3 * HOUR)  # a like says no less than a usual read
    usual = (1 + 4 + 1 + 0.05 * 20) / (4 + 20)
    expected = [(read + 10 * usual) / (1 + 10) / usual for read in (1, 4, 1, 0)]
    assert column(raw_of(log, rows(0, 1, 2, 3)), "category_response") == about(expected)


def test_response_of_a_brute_force(busy: Raw) -> None:
    views = replace(busy.views, rows=np.where(np.arange(len(busy.views.rows)) % 3 == 0, 999, busy.views.rows))
    busy = replace(busy, views=views)
    read: dict[int, float] = {}
    for row, dwell_s in zip(busy.history.rows.tolist(), busy.history.dwell_s.tolist(), strict=True):
        read[row] = max(read.get(row, 0.0), 1.0 if math.isnan(dwell_s) else min(dwell_s, 120.0) / 30.0)
    hits = [read.get(row, 0.0) for row in views.rows.tolist()]
    assert any(hits) and not all(hits)
    examined = [place**-0.6 for place in views.places.tolist()]
    usual = (sum(hits) + 1) / (sum(examined) + 20)
    found: dict[str, list[float]] = {}
    for name, above, prior in (
        ("category", "", 10.0),
        ("subcategory", "category", 10.0),
        ("source", "", 10.0),
        ("author", "source", 5.0),
    ):
        k = CODED.index(name)
        found[name] = []
        for i, code in enumerate(busy.items.codes[:, k].tolist()):
            mine = [(h, e) for h, e, c in zip(hits, examined, views.codes[:, k].tolist(), strict=True) if c == code]
            expected = found[above][i] if above and not math.isnan(found[above][i]) else 1.0
            reads, views_of = sum(h for h, _ in mine), sum(e for _, e in mine)
            rate = (reads + prior * usual * expected) / (views_of + prior)
            found[name].append(rate / usual if code > 0 else math.nan)
        assert column(busy, f"{name}_response") == about(found[name])


def test_story_reads_count_every_telling() -> None:
    log = FactLog()
    for item in ("a", "b", "c"):
        log.upsert(item, T0)
    log.vector("b", unit_vector(1), T0, story="a")
    log.event(Action.CLICK, "u", "a", T0 + HOUR)
    log.event(Action.LIKE, "u", "b", T0 + 2 * HOUR)
    assert column(raw_of(log, rows(0, 1, 2)), "story_reads") == about([2, 2, 0])


def test_affinity_is_the_share_of_decayed_dwell_weighted_reading() -> None:
    log = FactLog()
    log.upsert("a", T0, category="sports", author="ann", language="da")
    log.upsert("b", T0, category="politics", language="en")
    log.upsert("c", T0)
    log.upsert("d", T0, category="culture")
    log.event(Action.CLICK, "u", "a", T0)
    log.event(Action.DWELL, "u", "a", T0 + MINUTE, value=15.0)
    log.event(Action.CLICK, "u", "b", T0 + 6 * HOUR)
    log.event(Action.CLICK, "u", "c", T0 + 7 * HOUR)
    raw = raw_of(log, rows(0, 1, 2, 3), context=Context(language="da"))
    a = 0.5 ** (30 / 168) * (0.5 + 0.5 * 15 / 60)
    b = 0.5 ** (24 / 168) * 0.75
    assert column(raw, "category_affinity") == about([a / (a + b), b / (a + b), math.nan, 0])
    assert column(raw, "author_affinity") == about([1, math.nan, math.nan, math.nan])
    assert column(raw, "source_affinity") == about([math.nan] * 4)
    assert column(raw, "recent_category_affinity") == about([0.5, 0.5, math.nan, 0])
    assert column(raw, "language_match") == about([1, 0, math.nan, math.nan])
    assert column(raw_of(log, rows(0)), "language_match") == about([math.nan])
    stranger = raw_of(log, rows(0), user="nobody")
    assert column(stranger, "category_affinity") == about([math.nan])


def test_only_the_last_ten_engagements_are_recent() -> None:
    log = FactLog()
    log.upsert("a", T0, category="sports", subcategory="x")
    log.upsert("b", T0, category="politics", subcategory="y")
    for k in range(14):
        log.event(Action.CLICK, "u", "a" if k < 7 else "b", T0 + k * SECOND)
    raw = raw_of(log, rows(0, 1))
    assert column(raw, "recent_category_affinity") == about([0.3, 0.7])
    assert column(raw, "recent_subcategory_affinity") == about([0.3, 0.7])


def test_follows_are_flags() -> None:
    log = FactLog()
    log.upsert("a", T0, author="ann", category="sports")
    log.upsert("b", T0, source="daily", category="sports")
    for target in ("author:ann", "category:sports", "source:daily"):
        log.event(Action.FOLLOW, "u", "", T0, target=target)
    raw = raw_of(log, rows(0, 1))
    flags = compute(raw, ["follows_author", "follows_category", "follows_source", "follows"])
    assert flags.tolist() == [[1, 1, 0, 3], [0, 1, 1, 3]]


def test_co_engagement_is_joint_over_the_geometric_mean_decaying_by_rank(busy: Raw) -> None:
    counts = busy.items.counts[:, [Count.CLICKS, Count.READS], 3].sum(axis=1)
    cosines = np.array(
        [
            [w / math.sqrt((n + 1) * (other + 1)) for w, other in zip(joint, busy.requests.co_totals[0], strict=True)]
            for joint, n in zip(busy.items.co_engaged, counts, strict=True)
        ]
    )
    assert cosines.any()
    assert column(busy, "co_sum") == about((cosines * 0.85 ** np.arange(CO_HISTORY)).sum(axis=1))
    assert column(busy, "co_max") == about(cosines.max(axis=1))
    assert column(busy, "co_last") == about(cosines[:, 0])
    assert column(busy, "log_co") == about(np.log1p(busy.items.co_engaged.sum(axis=1)))


def test_seen_counts_this_user_s_views_and_reads_of_the_item() -> None:
    log = FactLog()
    for ago, session in ((170 * HOUR, "x"), (160 * HOUR, "x"), (20 * HOUR, "x"), (30 * MINUTE, "s")):
        log.event(Action.VIEW, "u", ("a", "b"), NOW - ago, session=session)
    log.event(Action.VIEW, "u", "a", NOW - HOUR, session="s")
    log.event(Action.CLICK, "u", "b", NOW - 20 * HOUR, session="x")
    log.event(Action.LIKE, "u", "b", NOW - 19 * HOUR, session="s")
    log.event(Action.VIEW, "v", "c", NOW - HOUR)
    raw = raw_of(log, rows(0, 1, 2), context=Context(session_id="s"))
    assert column(raw, "views_1h").tolist() == [2, 1, 0]
    assert column(raw, "views_24h").tolist() == [3, 2, 0]
    assert column(raw, "views_168h").tolist() == [4, 3, 0]
    assert column(raw, "views_in_session").tolist() == [2, 1, 0]
    assert column(raw, "view_hours") == about([0.5, 0.5, math.nan])
    assert column(raw, "reads_by_user").tolist() == [0, 2, 0]
    assert column(raw, "read_hours") == about([math.nan, 19, math.nan])
    assert (column(raw, "history_size") == 2).all()
    assert column(raw, "user_ctr") == about([3 / 17] * 3)
    assert column(raw, "user_read_hours") == about([19] * 3)
    assert (column(raw, "session_reads") == 1).all()
    assert (column(raw, "session_views") == 3).all()
    assert (column(raw_of(log, rows(0)), "session_views") == 0).all()  # without a session nothing is in it


def test_context_is_told_in_utc() -> None:
    log = FactLog()
    log.event(Action.SEARCH, "u", "", T0)
    for k in range(40):
        now = T0 + k * 7 * HOUR
        told = compute(raw_of(log, rows(), now=now).take(np.empty(0, np.int64)), ["hour", "weekday"])
        assert told.shape == (0, 2)
        moment = datetime.fromtimestamp(now / SECOND, UTC)
        state = State()
        state.catalog.ensure(0)
        raw = gather(state, rows(0), profile_of(log, "u"), Context(device="mobile"), now, "")
        names = ["hour", "weekday", "device", "searches"]
        assert compute(raw, names).tolist() == [[moment.hour, moment.weekday(), 2, 1]]


def similarities(raw: Raw, kind: int) -> F64:
    slots = raw.compared.slots[raw.compared.kinds == kind]
    theirs = (raw.compared.queries if kind == QUERY else raw.vectors_at(slots)).astype(np.float64)
    cosines: F64 = raw.vectors_at(raw.items.slots).astype(np.float64) @ theirs.T
    return cosines


def test_similarity_compares_with_what_was_read_hidden_and_searched() -> None:
    log = FactLog()
    for k in range(20):
        log.vector(f"i{k}", unit_vector(k), T0)
    log.upsert("plain", T0)
    for k in range(12):
        log.event(Action.CLICK, "u", f"i{k}", T0 + k * SECOND)
    for k in (15, 16):
        log.event(Action.HIDE, "u", f"i{k}", T0)
    search = log.event(Action.SEARCH, "u", "", T0)
    log.query_vector(search, unit_vector(99), T0)
    raw = raw_of(log, rows(18, 19, 20))
    reads, hides, query = (similarities(raw, kind)[:2] for kind in (POSITIVE, NEGATIVE, QUERY))
    weights = 0.5 ** (np.arange(12)[::-1] / 10)
    expected = {
        "max": reads.max(axis=1),
        "mean": reads.mean(axis=1),
        "top3": np.sort(reads, axis=1)[:, -3:].mean(axis=1),
        "last": reads[:, -1],
        "decayed": reads @ weights / weights.sum(),
        "negative": hides.max(axis=1),
        "query": query[:, 0],
    }
    for name, values in expected.items():
        assert column(raw, f"sim_{name}") == about([*values, math.nan])


def test_similarity_is_unknown_without_vectors_or_without_anything_to_compare_with() -> None:
    log = FactLog()
    log.vector("a", unit_vector(1), T0)
    log.event(Action.CLICK, "u", "b", T0)
    names = [feature.name for feature in FEATURES if feature.family == "similarity"]
    assert np.isnan(compute(raw_of(log, rows(0, 1)), names)).all()
    log.event(Action.CLICK, "u", "a", T0)
    told = compute(raw_of(log, rows(0, 1)), ["sim_max", "sim_top3", "sim_negative", "sim_query"])
    assert told[0, :2] == pytest.approx([1, 1], abs=1e-3)
    assert np.isnan(told[0, 2:]).all()
    assert np.isnan(told[1]).all()


def feature(compute_: Callable[[Frame], F32], default: float = math.nan) -> Feature:
    return Feature("x", "context", "a test", compute_, default=default)


def test_a_default_stands_wherever_the_value_is_unknown(busy: Raw) -> None:
    values = np.array([1.0, math.nan] * 4)
    frame = Frame(busy)
    assert feature(lambda _: values).values(frame).tolist() == about(values.tolist())
    filled = feature(lambda _: values, default=-1.0).values(frame)
    assert filled.tolist() == [1.0, -1.0] * 4
    assert math.isnan(values[1])  # the shared column is not written to
