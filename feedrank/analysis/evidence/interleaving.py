"""Interleaving against an A/B test of the same two rankers: how many users each takes for the same decision.

Readers of a simulated world come as often as they do there, for a week. Two rankers know what a reader likes, one a
little worse. In the A/B test a reader sees one of them, and the harness compares clicks; interleaved, each slate is
drafted by both (Radlinski, Kurup, Joachims, CIKM 2008), and the reader's clicks say whom they prefer. Both decide at 5%
and are sized for 80% power. Covariates are of another week, with other visits. Knows nothing of the service.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from feedrank.analysis.evidence.claims import Claim, rate
from feedrank.analysis.statistics import Moments, compare, users_for
from feedrank.simulator import Truth, World, WorldSettings
from feedrank.training.facts import Progress, no_progress
from feedrank.types import DAY, F64, HOUR, I64

SEED = 20_130_206
READERS = 600
FEEDS_A_SESSION = 1.5  # the simulator's mean
MOST_VISITS = 80  # of a reader in a week
CANDIDATES = 60
PLACES = 10
NOISE = (0.3, 0.5)  # of the rankers' idea of a reader's taste: control, and the worse challenger
ANSWERS = 100  # times each reader's week is lived through
AT_LEAST = 20.0  # times fewer users
SIZED_BY = "click rate"  # what the claim is about: the primary metric of the report, as it is without covariates
POWER_WITHIN = 0.03
CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class Weeks:
    """What readers did in a week, (readers, answers) each, under the control, the challenger, and both interleaved."""

    views: F64
    control: F64  # clicks
    challenger: F64
    clicks_before: F64  # in the week before, under the control
    views_before: F64
    lead: F64  # clicks on the control's picks less those on the challenger's


@dataclass(frozen=True, slots=True)
class Outcome:
    """Users for 80% power by way of testing, and the share of tests of that size that find the better ranker."""

    users: dict[str, int]
    lift: float  # of the control over the challenger, in clicks per user
    claims: tuple[Claim, ...]


def run(count: int, tolerance: float = POWER_WITHIN, progress: Progress = no_progress) -> Outcome:
    """Sizes each way of testing on readers' weeks, and then runs it `count` times at that size."""
    weeks = live(progress)
    rng = np.random.default_rng([SEED, 2])
    columns = _columns(weeks)
    ab = {name: _ab_users(arms) for name, arms in columns.items()}
    signs = np.sign(weeks.lead)
    interleaved = users_for(float(signs.mean()), float(signs.std()), 0.5) // 4 + 1  # one sample, not two: a quarter
    claims = []
    found = _ab_found(rng, columns[SIZED_BY], ab[SIZED_BY], count)
    low, high = 0.8 - tolerance, 0.8 + tolerance
    claims.append(
        rate(f"A/B, {SIZED_BY}, {ab[SIZED_BY]:,} users: finds it", f"0.8 ± {tolerance:g}", found, count, low, high)
    )
    found = _preferred(rng, signs, interleaved, count)
    claims.append(rate(f"interleaved, {interleaved:,} users: finds it", f"at least {low:g}", found, count, low, 1.0))
    for name, users in ab.items():
        ratio = users / interleaved
        least = AT_LEAST if name == SIZED_BY else 0.0
        what = f"times fewer users than A/B by {name}, {users:,}"
        claims.append(Claim(what, f"at least {least:g}" if least else "shown", ratio, ratio, ratio, least, np.inf))
    lift = float(weeks.control.mean() / weeks.challenger.mean() - 1.0)
    return Outcome({**{f"A/B, {name}": n for name, n in ab.items()}, "interleaved": interleaved}, lift, tuple(claims))


def live(progress: Progress = no_progress) -> Weeks:
    """Every reader's week, ANSWERS times over; the same each time."""
    world = World.build(WorldSettings(users=READERS, items=2_000, days=3, seed=12))
    truth, rng = Truth(world), np.random.default_rng(SEED)
    views, control, challenger, clicks_before, views_before, lead = (np.zeros((READERS, ANSWERS)) for _ in range(6))
    weekly = 7.0 * FEEDS_A_SESSION * world.readers.sessions_per_day
    for reader in range(READERS):
        examination = truth.examination(reader, np.arange(1, PLACES + 1))
        for _ in range(_visits(rng, weekly[reader])):
            orders, attraction = _ranked(world, truth, rng, reader)
            views_before[reader] += min(PLACES, len(attraction))
            shown = np.tile(orders[0][:PLACES], (ANSWERS, 1))
            clicks_before[reader] += _clicks(rng, shown, attraction, examination).sum(axis=1)
        for _ in range(_visits(rng, weekly[reader])):
            orders, attraction = _ranked(world, truth, rng, reader)
            views[reader] += min(PLACES, len(attraction))
            for clicks, order in ((control, orders[0]), (challenger, orders[1])):
                shown = np.tile(order[:PLACES], (ANSWERS, 1))
                clicks[reader] += _clicks(rng, shown, attraction, examination).sum(axis=1)
            slates, teams = team_draft(rng, orders[0], orders[1], ANSWERS)
            points = _clicks(rng, slates, attraction, examination)
            lead[reader] += (np.array([0.0, 1.0, -1.0])[teams] * points).sum(axis=1)
        progress(1)
    return Weeks(views, control, challenger, clicks_before, views_before, lead)


def _visits(rng: np.random.Generator, weekly: float) -> int:
    """How often a reader comes; at least once, since who does not come is in no test."""
    return int(np.clip(rng.poisson(weekly), 1, MOST_VISITS))


def _ranked(world: World, truth: Truth, rng: np.random.Generator, reader: int) -> tuple[tuple[I64, I64], F64]:
    """One visit: the two rankers' orders of the candidates, and P(click | examined) of each."""
    now = world.settings.start + int(rng.integers(1, 3)) * DAY + int(rng.integers(24)) * HOUR
    items = rng.permutation(world.live_items(reader, now))[:CANDIDATES]
    attraction = truth.attraction(reader, items, now)
    logit = np.log(attraction / (1.0 - attraction))
    first, second = (np.argsort(-(logit + rng.normal(0.0, noise, len(items)))) for noise in NOISE)
    return (first, second), attraction


def team_draft(rng: np.random.Generator, first: I64, second: I64, slates: int) -> tuple[I64, I64]:
    """(slates, places) items, and whose pick each is: 1, 2, or 0 where both wanted it and a coin decided.

    The team with fewer picks drafts its best that is left, a coin says who where both have as many.
    """
    places = min(PLACES, len(first))
    free = np.ones((slates, len(first)), np.bool_)
    items, teams = np.empty((slates, places), np.int64), np.empty((slates, places), np.int64)
    picks = np.zeros((slates, 2), np.int64)
    each = np.arange(slates)
    for place in range(places):
        tossed = picks[:, 0] == picks[:, 1]
        turn = np.where(tossed, rng.integers(2, size=slates), picks[:, 0] > picks[:, 1])
        best = [order[np.argmax(free[:, order], axis=1)] for order in (first, second)]
        chosen = np.where(turn == 0, best[0], best[1])
        items[:, place], teams[:, place] = chosen, np.where(tossed & (best[0] == best[1]), 0, turn + 1)
        free[each, chosen] = False
        picks[each, turn] += 1
    return items, teams


def _clicks(rng: np.random.Generator, slates: I64, attraction: F64, examination: F64) -> F64:
    p = attraction[slates] * examination[: slates.shape[1]]
    return (rng.random(p.shape) < p).astype(np.float64)


def _columns(weeks: Weeks) -> Mapping[str, tuple[F64, F64]]:
    """Columns (readers * answers, 2 or 4) of control and challenger, by metric."""
    ones = np.ones_like(weeks.views)

    def arms(*rest: F64) -> tuple[F64, F64]:
        both = (np.stack([clicks, *rest], axis=-1) for clicks in (weeks.control, weeks.challenger))
        control, challenger = (columns.reshape(-1, 1 + len(rest)) for columns in both)
        return control, challenger

    return {
        "clicks per user": arms(ones),
        SIZED_BY: arms(weeks.views),
        "clicks per user, CUPED": arms(ones, weeks.clicks_before, ones),
        "click rate, CUPED": arms(weeks.views, weeks.clicks_before, weeks.views_before),
    }


def _ab_users(columns: tuple[F64, F64]) -> int:
    """Users of both arms for 80% power, by the effect and the spread of all weeks lived through."""
    difference = compare(*(Moments.of(arm) for arm in columns))
    n = columns[0].shape[0]
    sd = float(np.sqrt((difference.control.variance + difference.treatment.variance) * n / 2.0))
    return users_for(float(difference.effect), sd)


def _ab_found(rng: np.random.Generator, columns: tuple[F64, F64], users: int, count: int) -> int:
    """How many of `count` A/B tests of `users` users call the control better."""
    half, found = (users + 1) // 2, 0
    step = max(1, CELLS // users)
    for start in range(0, count, step):
        size = min(step, count - start)
        arms = [Moments.of(arm[rng.integers(0, len(arm), (size, half))]) for arm in columns]
        difference = compare(*arms)
        found += int(((difference.p_value() < 0.05) & (difference.effect < 0)).sum())
    return found


def _preferred(rng: np.random.Generator, signs: F64, users: int, count: int) -> int:
    """How many of `count` interleavings of `users` users prefer the control."""
    pool = signs.ravel()
    drawn = pool[rng.integers(0, len(pool), (count, users))]
    means = Moments.of(np.stack([drawn, np.ones_like(drawn)], axis=-1))
    nothing = Moments(means.n, np.stack([np.zeros(count), np.ones(count)], axis=-1), np.zeros_like(means.cov))
    difference = compare(nothing, means)
    return int(((difference.p_value() < 0.05) & (difference.effect > 0)).sum())
