"""The RADio measures of Vrijenhoek et al. (RecSys 2022), as far as a log allows, and why not where it does not.

All are rank-aware Jensen-Shannon divergences in bits, places weighing 1 / rank: 0 for equal distributions, 1 for
disjoint ones; whether much or little is good depends on what a newsroom is for. Knows nothing of how a list was made.
"""

from dataclasses import dataclass

import numpy as np

from feedrank.training.audit.divergence import by_rank, group_shares, jensen_shannon, top_shares
from feedrank.training.audit.item_groups import codes_of
from feedrank.training.audit.lists import NOTHING, TOP, Lists
from feedrank.training.audit.reading import Reading
from feedrank.training.background import Background
from feedrank.types import F64, HOUR, I32, I64, AnyArray

PAIRS = 2_000  # of lists compared for fragmentation; the error of the mean is then below .01
CHARGE_BINS = 4  # of how charged an article is, its sentiment's distance from neutral, 0 to 1
CHARGED_WORDS = {"neutral": 0.0, "positive": 1.0, "negative": 1.0}


@dataclass(frozen=True, slots=True)
class Radio:
    """One measure: a value a list (r,), or, `of_pairs`, a pair of lists; `absent` says why there is none."""

    name: str
    values: F64
    absent: str = ""
    of_pairs: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the measures are taken from. `stories` (rows,) is the story of each catalog row, -1 where unknown."""

    lists: Lists
    background: Background
    reading: Reading
    stories: I32


def radio_measures(evidence: Evidence, seed: int = 1) -> list[Radio]:
    """Every measure of the paper but the calibration of complexity, which short texts do not support."""
    return [
        _calibration(evidence),
        _fragmentation(evidence, seed),
        _activation(evidence),
        _representation(evidence),
        _absent("alternative voices", "the log does not say who of those an article names belongs to a minority"),
    ]


def history_shares(lists: Lists, reading: Reading, group: I64, groups: int) -> F64:
    """The share of each group in what each list's user had read before, (r, groups); NaN where that is nothing."""
    read = [reading.before(user, time) for user, time in zip(lists.user_ids, lists.times.tolist(), strict=True)]
    owner = np.repeat(np.arange(len(lists)), [len(rows) for rows in read])
    rows = np.concatenate([np.empty(0, np.int32), *read])
    return group_shares(owner, group[rows], np.ones(len(rows)), len(lists), groups)


def _calibration(evidence: Evidence) -> Radio:
    name, lists = "calibration (topic)", evidence.lists
    topics, names = codes_of(evidence.background.categories, np.arange(len(evidence.stories), dtype=np.int32))
    if len(names) < 2:
        return _absent(name, "items name fewer than two categories")
    history = history_shares(lists, evidence.reading, topics, len(names))
    return Radio(name, jensen_shannon(history, top_shares(lists.top, topics, len(names), by_rank(TOP))))


def _activation(evidence: Evidence) -> Radio:
    charge = charges(evidence.background.sentiments)
    if not (charge >= 0).any():
        return _absent("activation", "no item has an attribute sentiment or sentiment_label")
    return Radio("activation", _against_pool(evidence.lists, charge, CHARGE_BINS))


def _representation(evidence: Evidence) -> Radio:
    sources, names = codes_of(evidence.background.sources, np.unique(evidence.lists.pool))
    if len(names) < 2:
        return _absent("representation (publishers)", "items name fewer than two sources")
    return Radio("representation (publishers)", _against_pool(evidence.lists, sources, len(names)))


def _fragmentation(evidence: Evidence, seed: int) -> Radio:
    """How differently the stories of two users' lists are spread, lists of the same hour."""
    stories, lists = evidence.stories, evidence.lists
    if not (stories[np.unique(lists.pool)] >= 0).any():
        return _absent("fragmentation", "no item has a text vector, so stories are unknown")
    rng = np.random.default_rng(seed)
    pairs = _pairs_of_an_hour(lists, rng)
    weights = by_rank(TOP)
    divergences = [_between(stories, lists.top[i], lists.top[j], weights) for i, j in pairs]
    return Radio("fragmentation", np.array(divergences, np.float64), of_pairs=True)


def _between(stories: I32, one: AnyArray, other: AnyArray, weights: F64) -> float:
    both = np.concatenate([one, other])
    known = np.where(both != NOTHING, stories[np.maximum(both, 0)], -1)
    _, group = np.unique(known, return_inverse=True)
    group = np.where(known >= 0, group, -1).astype(np.int64)
    owner = np.repeat([0, 1], [len(one), len(other)])
    spread = group_shares(owner, group, np.tile(weights, 2), 2, int(group.max(initial=0)) + 1)
    return float(jensen_shannon(spread[:1], spread[1:])[0])


def _pairs_of_an_hour(lists: Lists, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Up to PAIRS pairs of lists of different users in the same hour: what is in the news changes with the hours."""
    hours = lists.times // HOUR
    order = rng.permutation(len(lists))
    order = order[np.argsort(hours[order], kind="stable")]
    neighbours = zip(order[:-1].tolist(), order[1:].tolist(), strict=True)
    pairs = [(i, j) for i, j in neighbours if hours[i] == hours[j] and lists.user_ids[i] != lists.user_ids[j]]
    chosen = rng.permutation(len(pairs))[:PAIRS]
    return [pairs[k] for k in chosen.tolist()]


def charges(sentiments: AnyArray) -> I64:
    """The bin of how charged each item is, (rows,), -1 where unknown: of a number in -1..1, or of a word."""
    charge = np.array([_charge(word) for word in sentiments.tolist()])
    bins = np.minimum(np.nan_to_num(charge) * CHARGE_BINS, CHARGE_BINS - 1).astype(np.int64)
    return np.where(np.isnan(charge), -1, bins)


def _charge(word: str) -> float:
    if word.lower() in CHARGED_WORDS:
        return CHARGED_WORDS[word.lower()]
    try:
        return min(abs(float(word)), 1.0)
    except ValueError:
        return float("nan")


def _against_pool(lists: Lists, group: I64, groups: int) -> F64:
    pool = group_shares(lists.owners(), group[lists.pool], np.ones(len(lists.pool)), len(lists), groups)
    return jensen_shannon(pool, top_shares(lists.top, group, groups, by_rank(TOP)))


def _absent(name: str, why: str) -> Radio:
    return Radio(name, np.empty(0), why, of_pairs=True)
