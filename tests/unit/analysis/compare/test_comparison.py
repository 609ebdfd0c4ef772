"""A comparison from a log to its page: antisymmetric, nothing against itself, slices corrected, feeds without users."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from feedrank.analysis.compare import comparison
from feedrank.analysis.compare.agreement import order
from feedrank.analysis.compare.comparison import FEWEST_USERS, Comparison, compare, holm
from feedrank.analysis.compare.disagreements import FEWEST_ITEMS, Feeds
from feedrank.analysis.compare.report import report
from feedrank.analysis.page import render
from feedrank.features import fingerprint_of
from feedrank.registry import Registry
from feedrank.settings import Settings
from feedrank.store.sqlite import SqliteStore
from feedrank.training.dataset import View, build
from feedrank.training.gate.contest import Stretch
from feedrank.training.period import read_period
from feedrank.training.slices import METRICS
from tests.news_stream import news_stream
from tests.rankers import CUT, POOR, publish


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    folder = tmp_path_factory.mktemp("data")
    news_stream(users=160).write(folder)
    store = SqliteStore.open(folder, Settings())
    yield store
    store.close()


@pytest.fixture(scope="module")
def registry(store: SqliteStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry of the poor model. Loads without a child process: tests/unit/registry is about that."""
    folder = tmp_path_factory.mktemp("models")
    early = read_period(store, until=CUT, blind=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("feedrank.registry.registry.verify_in_child", lambda folder, features: None)
        publish(folder, "poor", build(early.facts, early.examples, View(), POOR), POOR)
        yield Registry(folder, fingerprint_of)


@pytest.fixture(scope="module", autouse=True)
def coarse() -> Iterator[None]:
    """Fewer draws than a decision asks for: what is tested does not hang on the last digit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "RESAMPLES", 400)
        patch.setattr(comparison, "PATTERNS", 999)
        yield


@pytest.fixture(scope="module")
def found(store: SqliteStore, registry: Registry) -> Comparison:
    return compare(store, registry, "prior", "poor", Stretch(CUT), feeds=3)


def test_the_better_one_is_found(found: Comparison) -> None:
    auc = found.whole.effects["auc"]
    assert auc.difference.mean == pytest.approx(auc.a - auc.b) and auc.difference.low > 0.05
    assert auc.p == pytest.approx(1e-3) and auc.p <= auc.p_holm < 0.05
    assert found.whole.impressions == 450 and list(found.whole.effects) == list(METRICS)
    assert found.warnings == []


def test_the_other_way_round_is_the_same_with_the_other_sign(
    store: SqliteStore, registry: Registry, found: Comparison
) -> None:
    turned = compare(store, registry, "poor", "prior", Stretch(CUT), feeds=3)
    for one, other in zip((found.whole, *found.parts), (turned.whole, *turned.parts), strict=True):
        assert (one.slice, one.value, one.users) == (other.slice, other.value, other.users)
        for metric in METRICS:
            a, b = one.effects[metric], other.effects[metric]
            assert (a.a, a.b, a.p, a.p_holm) == (b.b, b.a, b.p, b.p_holm)
            assert a.difference.mean == -b.difference.mean
            assert a.difference.low == pytest.approx(-b.difference.high)
    np.testing.assert_array_equal(found.alike.tau, turned.alike.tau)
    assert found.examples.a_ahead[0].time == turned.examples.b_ahead[0].time


def test_a_model_against_itself_differs_nowhere(store: SqliteStore, registry: Registry) -> None:
    same = compare(store, registry, "prior", "prior", Stretch(CUT), feeds=3)
    for part in (same.whole, *same.parts):
        for effect in part.effects.values():
            d = effect.difference
            assert (d.mean, d.low, d.high, effect.p, effect.p_holm) == (0.0, 0.0, 0.0, 1.0, 1.0)
    assert np.nanmin(same.alike.tau) == pytest.approx(1.0) and same.alike.same_first.all()
    assert list(same.examples.a_ahead) == list(same.examples.b_ahead) == []
    page = render(report(same, "scripts/compare.py"))
    assert "No difference is proven" in page and "There is none." in page


def test_slices_part_the_impressions_and_are_corrected_over_all_of_them(found: Comparison) -> None:
    hours = [part for part in found.parts if part.slice == "hour"]
    assert sum(part.impressions for part in hours) == 450
    assert all(part.users >= FEWEST_USERS for part in found.parts)
    for metric in METRICS:
        p = [part.effects[metric].p for part in found.parts]
        assert [part.effects[metric].p_holm for part in found.parts] == pytest.approx(
            multipletests(p, method="holm")[1]
        )
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])  # 3, 2 and 1 times, never falling
    assert holm([]) == []


def feeds_of(found: Comparison) -> list[Feeds]:
    return [*found.examples.least_alike, *found.examples.a_ahead, *found.examples.b_ahead]


def test_example_feeds_are_the_same_items_in_two_orders(found: Comparison) -> None:
    assert len(feeds_of(found)) == 9
    for feeds in feeds_of(found):
        assert feeds.items >= FEWEST_ITEMS and len(feeds.a) == len(feeds.b) == 8
        assert sorted(place.title for place in feeds.a) == sorted(place.title for place in feeds.b)
        assert sum(place.clicked for place in feeds.a) == 1
        for places in (feeds.a, feeds.b):
            scores = np.array([place.score for place in places])
            assert order(scores).tolist() == list(range(8))
    least = [feeds.tau for feeds in found.examples.least_alike]
    assert least == sorted(least) and least[0] == np.nanmin(found.alike.tau)
    assert all(feeds.auc[0] > feeds.auc[1] for feeds in found.examples.a_ahead)
    assert all(feeds.auc[0] < feeds.auc[1] for feeds in found.examples.b_ahead)


def test_the_page_says_it_all_and_names_no_user(found: Comparison) -> None:
    page = render(report(found, "scripts/compare.py --a prior --b poor"))
    for words in (
        "A ranks better: prior",
        "nDCG@10",
        "history length",
        "Kendall",
        "Where they disagree most",
        "Article ",
    ):
        assert words in page
    told = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"\bu\d+\b", told), "users of the stream are u0, u1, ..."
    assert not re.search(r"\br\d+\b", told), "nor the requests they made"


def test_figures_too_good_to_be_true_are_marked(store: SqliteStore, registry: Registry) -> None:
    early = compare(store, registry, "poor", "prior", Stretch(0, CUT, counter_delay=60_000_000), feeds=0)
    assert "past the start of the period" in early.warnings[0]
    assert "trained with counters 0 s late and is judged with 60 s" in early.warnings[1]
    assert feeds_of(early) == []
    few = compare(store, registry, "prior", "prior", Stretch(CUT, CUT + 3_600_000_000 * 2), feeds=1)
    assert "intervals are too narrow" in few.warnings[-1]
    assert "Bear in mind" in render(report(few, "scripts/compare.py"))
