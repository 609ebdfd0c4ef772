"""Metrics against brute force over every order of the ties."""

import math
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedrank.errors import InvalidInput
from feedrank.training.metrics import evaluate, judge


def _orders(scores: list[float]) -> list[tuple[int, ...]]:
    """Every order of the entries, best first, that the scores allow."""
    everyone = permutations(range(len(scores)))
    return [p for p in everyone if all(scores[a] >= scores[b] for a, b in pairwise(p))]


def _by_hand(labels: list[int], order: tuple[int, ...]) -> tuple[float, float, float, float]:
    """MIND's official scorer for one strict order: auc, mrr, ndcg@5, ndcg@10."""
    y = [labels[i] for i in order]
    pairs = [(a, b) for a in range(len(y)) for b in range(len(y)) if y[a] > 0 and y[b] == 0]
    auc = sum(a < b for a, b in pairs) / len(pairs)
    mrr = sum(label / rank for rank, label in enumerate(y, 1)) / sum(y)

    def dcg(seq: list[int], k: int) -> float:
        return sum((2.0**label - 1.0) / math.log2(rank + 1) for rank, label in enumerate(seq[:k], 1))

    ideal = sorted(y, reverse=True)
    return auc, mrr, dcg(y, 5) / dcg(ideal, 5), dcg(y, 10) / dcg(ideal, 10)


@st.composite
def _impression(draw: st.DrawFn) -> tuple[list[int], list[float]]:
    n = draw(st.integers(2, 7))
    labels = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    scores = draw(st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]), min_size=n, max_size=n))
    return labels, scores


@given(st.lists(_impression(), min_size=1, max_size=4))
def test_equals_the_mean_over_every_order_of_ties(impressions: list[tuple[list[int], list[float]]]) -> None:
    offsets = np.cumsum([0] + [len(labels) for labels, _ in impressions])
    labels = np.array([y for labels, _ in impressions for y in labels], np.int8)
    scores = np.array([s for _, scores in impressions for s in scores])
    got = judge(labels, scores, offsets)
    index, expected = [], []
    for i, (y, s) in enumerate(impressions):
        if any(y) and not all(y):
            index.append(i)
            expected.append(np.mean([_by_hand(y, order) for order in _orders(s)], axis=0))
    assert got.index.tolist() == index
    if expected:
        np.testing.assert_allclose(np.stack([got.auc, got.mrr, got.ndcg_5, got.ndcg_10], axis=1), expected, rtol=1e-12)


def test_a_known_case() -> None:
    # MIND's README example form: labels by ranked order 0 1 0 1 -> mrr (1/2 + 1/4) / 2
    got = evaluate(np.array([0, 1, 0, 1]), np.array([4.0, 3.0, 2.0, 1.0]), np.array([0, 4]))
    ideal = 1 + 1 / np.log2(3)
    assert got.mrr == pytest.approx(0.375)
    assert got.auc == pytest.approx(0.25)
    assert got.ndcg_5 == got.ndcg_10 == pytest.approx((1 / np.log2(3) + 1 / np.log2(5)) / ideal)


def test_constant_scores_are_worth_one_half() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300).astype(np.int8)
    assert evaluate(labels, np.zeros(300), np.arange(0, 301, 10)).auc == pytest.approx(0.5)


def test_impressions_without_both_labels_are_left_out() -> None:
    labels = np.array([1, 1, 0, 0, 1, 0])
    got = judge(labels, np.arange(6.0), np.array([0, 2, 4, 4, 6]))
    assert got.index.tolist() == [3]
    assert got.mean().impressions == 1


def test_nothing_to_judge_gives_nan() -> None:
    got = evaluate(np.zeros(3), np.zeros(3), np.array([0, 3]))
    assert got.impressions == 0
    assert np.isnan(got.auc)


@pytest.mark.parametrize(
    ("labels", "scores", "said"),
    [([0, 1], [np.nan, 0.0], "NaN"), ([-1, 1], [0.0, 0.0], "negative"), ([0, 1, 0], [0.0, 0.0], "do not fit")],
)
def test_refuses_what_has_no_order(labels: list[int], scores: list[float], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        judge(np.array(labels), np.array(scores), np.array([0, len(scores)]))


def test_keys_are_the_contracts() -> None:
    got = evaluate(np.array([0, 1]), np.array([0.0, 1.0]), np.array([0, 2])).as_json()
    assert got == {"auc": 1.0, "mrr": 1.0, "ndcg@5": 1.0, "ndcg@10": 1.0, "impressions": 1}
