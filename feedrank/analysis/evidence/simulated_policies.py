"""Off-policy intervals in the simulator, where the target's value is known: how often they hold it.

A reader of the simulated world comes with a handful of candidates. A logging policy orders them by Plackett-Luce over
what is popular, a target policy over what it knows of the reader; the click model answers. Clicks of one reader are
alike, readers differ in how often they come, and whole readers are drawn. Estimates are of one place, and of slates of
three places with the propensity of each given those above it, as the service logs them. One log explores; another hardly
does, and there the harness should rather refuse than be wrong. Knows nothing of Open Bandit.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from feedrank.analysis.evidence.claims import Claim, rate
from feedrank.analysis.off_policy import Decisions, Method, crossfit, estimate, estimate_all, measure_overlap
from feedrank.analysis.off_policy.slates import Places, decisions_of
from feedrank.simulator import Truth, World, WorldSettings
from feedrank.training.facts import Progress, no_progress
from feedrank.types import DAY, F64, HOUR, I64

SEED = 20_130_205
READERS = 800
VISITS = (2, 9)  # of a reader: 2 to 8
CANDIDATES = 12
PLACES = 3
NOISE = 0.7  # of what the target knows of a reader
AT_LEAST = 0.93  # of the logs, the interval holds the truth
WRONG_AT_MOST = 1.0 - AT_LEAST  # of the logs, an interval is given and misses, where many are refused
BIASED = (Method.CLIPPED, Method.DIRECT)  # shown, and nothing claimed of


@dataclass(frozen=True, slots=True)
class Setting:
    """Temperatures of the policies: the lower, the surer a policy is of its own order."""

    name: str
    logging: float
    target: float


EXPLORES = Setting("explores", 2.0, 1.0)
HARDLY_EXPLORES = Setting("hardly explores", 0.35, 0.7)


@dataclass(frozen=True, slots=True)
class Visits:
    """All visits of all readers, (v,) and (v, candidates): who came, and what is true of what could be shown."""

    reader: I64
    attraction: F64  # P(click | examined)
    examination: F64  # (v, places)
    logging: F64  # probabilities of the first place, rows sum to 1
    target: F64


def draw_visits(setting: Setting) -> Visits:
    """The visits of a simulated world, the same each time."""
    world = World.build(WorldSettings(users=READERS, items=1_500, days=3, seed=11))
    truth, rng = Truth(world), np.random.default_rng(SEED)
    readers, attraction, examination = [], [], []
    for reader in range(READERS):
        for _ in range(int(rng.integers(*VISITS))):
            now = world.settings.start + int(rng.integers(1, 3)) * DAY + int(rng.integers(24)) * HOUR
            items = rng.permutation(world.live_items(reader, now))[:CANDIDATES]
            if len(items) < CANDIDATES:
                continue
            readers.append(reader)
            attraction.append(truth.attraction(reader, items, now))
            examination.append(truth.examination(reader, np.arange(1, PLACES + 1)))
    attracted = np.array(attraction)
    logit = np.log(attracted / (1.0 - attracted))
    liked = logit + rng.normal(0.0, NOISE, logit.shape)
    popular = 0.5 * logit + rng.normal(0.0, 1.0, logit.shape)
    return Visits(
        np.array(readers),
        attracted,
        np.array(examination),
        _softmax(popular / setting.logging),
        _softmax(liked / setting.target),
    )


@dataclass(slots=True)
class _Tally:
    """Of one method in one setting, over all logs."""

    held: int = 0
    refused: int = 0
    wrong: int = 0  # given, and missed

    def add(self, holds: bool, refused: bool) -> None:
        self.held += holds
        self.refused += refused
        self.wrong += not holds and not refused


def coverage(count: int, progress: Progress = no_progress) -> tuple[Claim, ...]:
    """Over `count` logs that explore: how often the 95% interval holds the truth."""
    claims = []
    for (what, method), tally in _tallies(EXPLORES, count, progress).items():
        biased = method in BIASED
        name = f"{what}, {method.value}" + (" (biased: nothing claimed)" if biased else "")
        target = "" if biased else f"at least {AT_LEAST:g}"
        claims.append(rate(name, target, tally.held, count, 0.0 if biased else AT_LEAST, 1.0))
    return tuple(claims)


def refusals(count: int, progress: Progress = no_progress) -> tuple[Claim, ...]:
    """Over `count` logs that hardly explore: how often an estimate is refused, and how often a given one misses."""
    claims = []
    for (what, method), tally in _tallies(HARDLY_EXPLORES, count, progress).items():
        if method in BIASED:
            continue
        name = f"{what}, {method.value}"
        claims.append(rate(f"{name}: would hold", "shown", tally.held, count, 0.0, 1.0))
        claims.append(rate(f"{name}: refused", "most", tally.refused, count, 0.5, 1.0))
        claims.append(
            rate(f"{name}: given and wrong", f"at most {WRONG_AT_MOST:.2f}", tally.wrong, count, 0.0, WRONG_AT_MOST)
        )
    return tuple(claims)


def _tallies(setting: Setting, count: int, progress: Progress) -> dict[tuple[str, Method], _Tally]:
    visits = draw_visits(setting)
    clicks = np.einsum("kva,va,vk->vk", place_probabilities(visits.target), visits.attraction, visits.examination)
    first, all_places = float(clicks[:, 0].mean()), float(clicks.mean())
    rng = np.random.default_rng([SEED, 1])
    tallies: defaultdict[tuple[str, Method], _Tally] = defaultdict(_Tally)
    where = [np.flatnonzero(visits.reader == r) for r in range(READERS)]
    for _ in range(count):
        drawn = rng.integers(0, READERS, READERS)
        rows = np.concatenate([where[r] for r in drawn])
        users = np.repeat(np.arange(READERS), [len(where[r]) for r in drawn])
        order, propensities = _slates(rng, visits.logging[rows])
        p = np.take_along_axis(visits.attraction[rows], order, axis=1) * visits.examination[rows]
        clicked = (rng.random(p.shape) < p).astype(np.float64)
        decisions = _one_place(visits, rows, users, order, propensities, clicked)
        refused = bool(measure_overlap(decisions).refusals)
        for value in estimate_all(decisions):
            tallies["one place", value.method].add(value.low <= first <= value.high, refused)
        decisions = _three_places(visits, rows, users, order, propensities, clicked)
        refused = bool(measure_overlap(decisions).refusals)
        for method in (Method.IPS, Method.SNIPS):
            value = estimate(decisions, method)
            tallies[f"{PLACES} places", method].add(value.low <= all_places <= value.high, refused)
        progress(1)
    return dict(tallies)


def place_probabilities(first: F64) -> F64:
    """(places, v, candidates): each candidate's probability of each of three places under Plackett-Luce, exactly."""
    away = ~np.eye(first.shape[1], dtype=np.bool_)
    pairs = first[:, :, None] * first[:, None, :] / (1.0 - first)[:, :, None] * away  # (v, first, second)
    left = 1.0 - first[:, :, None] - first[:, None, :]
    third = np.where(away, pairs / np.where(away, left, 1.0), 0.0)
    total = third.sum(axis=(1, 2))[:, None] - third.sum(axis=2) - third.sum(axis=1)  # pairs without the candidate
    return np.stack([first, pairs.sum(axis=1), first * total])


def _slates(rng: np.random.Generator, first: F64) -> tuple[I64, F64]:
    """Orders (v, places) by Gumbel top-k, and the propensity of each place given those above it."""
    keys = np.log(first) + rng.gumbel(size=first.shape)
    order = np.argsort(-keys, axis=1)[:, :PLACES]
    return order, _given_above(first, order)


def _given_above(first: F64, order: I64) -> F64:
    p = np.take_along_axis(first, order, axis=1)
    gone = np.cumsum(p, axis=1) - p
    return np.asarray(p / (1.0 - gone))


def _one_place(visits: Visits, rows: I64, users: I64, order: I64, propensities: F64, clicked: F64) -> Decisions:
    chosen = order[:, 0]
    target = visits.target[rows]
    weights = np.take_along_axis(target, order[:, :1], axis=1)[:, 0] / propensities[:, 0]
    cells = np.zeros(len(rows), np.int64)
    expected, promised = crossfit(clicked[:, 0], chosen, cells, users, target)
    return Decisions(clicked[:, 0], weights, users, expected, promised)


def _three_places(visits: Visits, rows: I64, users: I64, order: I64, propensities: F64, clicked: F64) -> Decisions:
    wanted = _given_above(visits.target[rows], order)
    offsets = np.arange(len(rows) + 1) * PLACES
    flat = clicked.ravel()
    places = Places(offsets, propensities.ravel(), np.zeros(len(flat)), flat, np.repeat(users, PLACES))
    return decisions_of(places, lambda _: wanted.ravel())


def _softmax(logits: F64) -> F64:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
