"""What is counted: ranks, recall under quotas, what a source adds, and the search for quotas, against brute force."""

from dataclasses import replace
from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from feedrank.pipeline.stages import Retrieved
from feedrank.pipeline.union import union
from feedrank.settings import SourceQuotas
from feedrank.training.retrieval.quotas import SPLIT, best_splits, extremes, splits
from feedrank.training.retrieval.recall import alone, only, ranks, sizes, together, without
from feedrank.training.retrieval.slices import slices
from feedrank.training.retrieval.stream import SOURCES, Found
from feedrank.types import DAY, HOUR

K = 20


def found_of(seed: int, n: int = 40, items: int = 60, silent: tuple[str, ...] = ("followed",)) -> Found:
    """Random lists of random length without repeats, and random clicks."""
    rng = np.random.default_rng(seed)
    lists = np.full((n, len(SOURCES), K), -1, np.int32)
    for i, s in product(range(n), range(len(SOURCES))):
        if SOURCES[s] not in silent:
            size = int(rng.integers(0, K + 1))
            lists[i, s, :size] = rng.permutation(items)[:size]
    ages = rng.choice(np.array([-1, 0, HOUR, 2 * DAY, 9 * DAY]), n)
    return Found(
        lists,
        rng.integers(0, items, n).astype(np.int32),
        np.zeros(n, np.bool_),
        rng.choice(np.array([0, 1, 5, 6, 50, 51, 200]), n).astype(np.int32),
        ages.astype(np.int64),
        rng.integers(0, 5, n).astype(np.int32),
        dict.fromkeys(SOURCES, 0.0),
    )


@given(st.integers(0, 1_000))
@settings(max_examples=20, deadline=None)
def test_ranks_are_places_in_the_lists(seed: int) -> None:
    found = found_of(seed)
    places = ranks(found)
    for i, s in product(range(len(found.clicked)), range(len(SOURCES))):
        mine = found.lists[i, s].tolist()
        assert places[i, s] == (mine.index(found.clicked[i]) if found.clicked[i] in mine else K)
        assert sizes(found)[i, s] == sum(row >= 0 for row in mine)
    hits = alone(places, 7)
    assert hits.tolist() == [[found.clicked[i] in found.lists[i, s, :7] for s in range(5)] for i in range(40)]
    expected = [[bool(hits[i, s]) and sum(hits[i]) == 1 for s in range(5)] for i in range(40)]
    assert only(hits).tolist() == expected


@given(st.integers(0, 1_000), st.lists(st.integers(0, K), min_size=5, max_size=5), st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_together_is_the_pipelines_union(seed: int, quotas: list[int], total: int) -> None:
    found = found_of(seed, silent=())
    chosen = SourceQuotas(**dict(zip(SOURCES, quotas, strict=True)))
    hit, count = together(found, chosen, total)
    for i, lists in enumerate(found.lists):
        retrieved = [Retrieved(rows[rows >= 0], np.zeros((rows >= 0).sum(), np.float32)) for rows in lists]
        rows = union(SOURCES, retrieved, quotas, total).rows
        assert (hit[i], count[i]) == (found.clicked[i] in rows, len(rows))
        assert count[i] <= max(total, sum(quotas))
        general = [s for s in range(5) if SOURCES[s] in ("trending", "fresh")]
        everything = {row for s in range(5) for row in lists[s, : (K if s in general else quotas[s])].tolist()} - {-1}
        assert count[i] >= min(total, len(everything))  # what is short is filled as far as anything is left


def test_splits_are_all_ways_to_share_out_a_total() -> None:
    found = {tuple(row) for row in splits(100, 20, 3).tolist()}
    assert found == {(a, b, 100 - a - b) for a, b in product(range(0, 101, 20), range(0, 101, 20)) if a + b <= 100}
    assert splits(60, 20, 1).tolist() == [[60]]


def test_the_best_split_is_best_by_trying_them_all() -> None:
    """With full lists that share no item the estimate is exact, so the search must find what brute force finds."""
    rng = np.random.default_rng(5)
    n = 300
    lists = np.stack(
        [np.stack([1_000 * s + rng.permutation(200)[:K] for s in range(len(SOURCES))]) for _ in range(n)]
    ).astype(np.int32)
    lists[:, SOURCES.index("followed")] = -1
    likely = np.array([0.1, 0.5, 0.0, 0.3, 0.1])  # by source
    place = np.minimum(rng.geometric(0.15, n) - 1, K - 1)
    clicked = lists[np.arange(n), rng.choice(5, n, p=likely), place]
    found = replace(found_of(0, n=n), lists=lists, clicked=clicked)
    best = best_splits(found, 20, 1, steps=4)[0]
    scores = {}
    for quotas in splits(20, 5, 4).tolist():
        chosen = SourceQuotas(**dict(zip(SPLIT, quotas, strict=True)))
        scores[tuple(quotas)] = together(found, chosen, 20)[0].mean()
    assert scores[tuple(best.model_dump()[name] for name in SPLIT)] == max(scores.values())


def test_a_source_that_brings_nothing_gets_no_quota() -> None:
    found = found_of(3, silent=("followed", "interest"))
    assert all(quotas.interest == 0 for quotas in best_splits(found, 20, 5, steps=4))
    tried = extremes(found, 21)
    assert list(tried) == ["equal", "only similar", "only trending", "only fresh"]
    assert [tried["equal"].model_dump()[name] for name in SPLIT] == [0, 7, 7, 7]
    assert [tried["only trending"].model_dump()[name] for name in SPLIT] == [0, 0, 21, 0]


def test_without_a_source_the_others_fill_the_union() -> None:
    found = found_of(2, silent=())
    left = without(found, "trending")
    assert (left.lists[:, SOURCES.index("trending")] == -1).all()
    others = [s for s in range(5) if SOURCES[s] != "trending"]
    np.testing.assert_array_equal(left.lists[:, others], found.lists[:, others])
    quotas = SourceQuotas(interest=4, similar=4, trending=4, fresh=4, followed=4)
    hit, _ = together(left, quotas, 100)
    for i in np.flatnonzero(hit):
        assert found.clicked[i] in found.lists[i, others]  # trending does not fill what trending left


def test_each_click_is_in_one_group_of_each_kind() -> None:
    found = found_of(1)
    groups = dict(slices(found))
    for kind in (("no history", "read"), ("item",), ("session", "third")):
        chosen = [mask for name, mask in groups.items() if any(word in name for word in kind)]
        np.testing.assert_array_equal(np.sum(chosen, axis=0), 1)
    np.testing.assert_array_equal(groups["no history"], found.history == 0)
    np.testing.assert_array_equal(groups["1 to 5 reads"], (found.history >= 1) & (found.history <= 5))
    np.testing.assert_array_equal(groups["over 50 reads"], found.history > 50)
    np.testing.assert_array_equal(groups["item never named before"], found.age < 0)
    np.testing.assert_array_equal(groups["first of its session"], found.place_in_session == 1)
