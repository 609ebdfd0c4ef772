"""Ranking metrics with the meaning MIND's official scorer gives them, over ragged groups at once.

AUC is the mean per-impression ROC-AUC, MRR is sum(label / rank) / sum(label), nDCG@k has gain 2^label - 1 and discount
log2(rank + 1); all are taken over the impressions that have both labels. Tied scores take their expected value over
every order of the tie. Knows nothing of models or of time.
"""

from dataclasses import dataclass

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.types import F64, I64, AnyArray

CUTS = (5, 10)  # nDCG@k


@dataclass(frozen=True, slots=True)
class Metrics:
    """Means over `impressions` impressions with both labels; NaN where there is none."""

    auc: float
    mrr: float
    ndcg_5: float
    ndcg_10: float
    impressions: int

    def as_json(self) -> dict[str, float]:
        """The contract's keys."""
        return {
            "auc": self.auc,
            "mrr": self.mrr,
            "ndcg@5": self.ndcg_5,
            "ndcg@10": self.ndcg_10,
            "impressions": self.impressions,
        }


@dataclass(frozen=True, slots=True)
class PerImpression:
    """One entry an impression with both labels, shape (m,). `index` is its place among all impressions."""

    index: I64
    auc: F64
    mrr: F64
    ndcg_5: F64
    ndcg_10: F64

    def mean(self) -> Metrics:
        """The mean of each metric."""
        if not len(self.index):
            return Metrics(float("nan"), float("nan"), float("nan"), float("nan"), 0)
        auc, mrr, ndcg_5, ndcg_10 = (float(v.mean()) for v in (self.auc, self.mrr, self.ndcg_5, self.ndcg_10))
        return Metrics(auc, mrr, ndcg_5, ndcg_10, len(self.index))


def judge(labels: AnyArray, scores: AnyArray, offsets: I64) -> PerImpression:
    """Judges every impression: `labels` (n,) gains >= 0, `scores` (n,), impression i being entries offsets[i]:offsets[i
    + 1].

    Infinite scores are ordered; a NaN has no place in an order. Raises InvalidInput for NaN scores and negative labels.
    """
    _check(labels, scores, offsets)
    sizes = np.diff(offsets)
    positives = _sums(labels > 0, offsets)
    both = (positives > 0) & (positives < sizes)
    keep = np.repeat(both, sizes)
    labels, scores, sizes = labels[keep].astype(np.float64), scores[keep].astype(np.float64), sizes[both]
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    owner = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((-scores, owner))  # best first within each impression
    ordered = scores[order]
    block = _tied_blocks(ordered, owner)
    ranks = np.arange(len(ordered)) - starts[owner] + 1.0
    found = labels[order]
    gains = np.exp2(found) - 1.0
    ideal = np.exp2(labels[np.lexsort((-labels, owner))]) - 1.0
    ndcg = []
    for k in CUTS:
        discounts = np.where(ranks <= k, 1.0 / np.log2(ranks + 1.0), 0.0)
        best = _sums(ideal * discounts, starts)
        ndcg.append(_sums(gains * _block_means(discounts, block), starts) / best)
    reciprocal = _sums(found * _block_means(1.0 / ranks, block), starts) / _sums(found, starts)
    return PerImpression(np.flatnonzero(both), _auc(found > 0, ranks, block, starts), reciprocal, *ndcg)


def evaluate(labels: AnyArray, scores: AnyArray, offsets: I64) -> Metrics:
    """The mean of `judge`."""
    return judge(labels, scores, offsets).mean()


def _check(labels: AnyArray, scores: AnyArray, offsets: I64) -> None:
    if len(labels) != len(scores) or int(offsets[-1]) != len(labels):
        raise InvalidInput(
            f"{len(labels)} labels, {len(scores)} scores and offsets to {offsets[-1]} do not fit together"
        )
    if np.isnan(scores).any():
        raise InvalidInput(f"{int(np.isnan(scores).sum())} scores are NaN; a scorer must give every candidate a number")
    if len(labels) and labels.min() < 0:
        raise InvalidInput(f"label {labels.min()} is negative; gains start at 0")


def _auc(positive: AnyArray, ranks: F64, block: I64, starts: I64) -> F64:
    """Mann and Whitney: the share of (positive, negative) pairs in the right order, ties counting half."""
    sizes = np.diff(starts)
    from_below = np.repeat(sizes, sizes) - _block_means(ranks, block) + 1.0  # mid-rank, 1 for the lowest score
    count = _sums(positive, starts)
    above = _sums(np.where(positive, from_below, 0.0), starts) - count * (count + 1.0) / 2.0
    return above / (count * (sizes - count))


def _tied_blocks(ordered: F64, owner: I64) -> I64:
    """The number of each entry's run of equal scores within its impression, (n,)."""
    if not len(ordered):
        return np.empty(0, np.int64)
    begins = np.concatenate([[False], (ordered[1:] != ordered[:-1]) | (owner[1:] != owner[:-1])])
    return np.cumsum(begins)


def _block_means(values: F64, block: I64) -> F64:
    """The mean of each block for each of its entries: what a tied entry's place is worth on average."""
    if not len(values):
        return values
    means: F64 = np.bincount(block, values) / np.bincount(block)
    return means[block]


def _sums(values: AnyArray, offsets: I64) -> F64:
    """Sum of each stretch, (r,); 0 for an empty one."""
    owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return np.bincount(owner, values, minlength=len(offsets) - 1).astype(np.float64)
