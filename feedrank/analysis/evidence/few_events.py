"""Guardrails on rare events: how often one that stands exactly at its margin is said to hold, or to be violated.

Where events are Poisson every pair of counts is gone through, and the answer is exact; where a user who does it does it
several times, and where a running experiment is looked at every day, experiments are simulated. Knows nothing of what
the events are.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from scipy import stats

from feedrank.analysis.evidence.claims import Claim, rate
from feedrank.analysis.statistics import Tally, excess, excess_always
from feedrank.training.facts import Progress, no_progress
from feedrank.types import F64

SEED = 20_261_101
RELATIVE_MARGIN = 0.25
TAIL = 0.025  # of one side of an interval
NEVER = 1e-12  # counts less likely than this are left out
EXPOSURES = (0.1, 0.25, 1.0, 4.0, 10.0)  # of the treatment, as a share of control's
CONTROL_EVENTS = (0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0)  # expected
MARGIN_EVENTS = (0.5, 1.0, 3.0, 6.0, 10.0, 12.0, 16.0, 25.0, 40.0)  # the absolute margin, as events in the treatment
CASES = len(EXPOSURES) * len(CONTROL_EVENTS) * len(MARGIN_EVENTS)
CLUSTERS = (1.5, 2.0, 3.0)  # how often somebody who does it does it on average; geometric
MOST_CLAIMED = 1.5  # means up to this are claimed to be safe, beyond it shown
PEEKED_EVENTS = (30.0, 100.0)  # the same margin, of the always-valid interval, by the last day
CONTROL_SHARE = 0.2  # of that margin: control's rate
AT_ONCE = 200  # experiments looked at together: some 50 MB
DAYS = 28
USERS = 1_000  # an arm, by the last day
VIEWS = 4.0  # a user's mean a day
TASTE_SHAPE = 0.5  # of the gamma density of users' own rates: a few users do most of it


def exact(
    exposures: Sequence[float] = EXPOSURES,
    control_events: Sequence[float] = CONTROL_EVENTS,
    progress: Progress = no_progress,
) -> tuple[Claim, Claim, Claim]:
    """Over every case of Poisson counts: the greatest probability that a guardrail at its absolute margin is said to be
    within it; that one at the larger of its two margins is said to hold; and that it is said to be violated.
    """
    worst = np.zeros(3)
    for exposure, control, events in product(exposures, control_events, MARGIN_EVENTS):
        worst = np.maximum(worst, _exactly(exposure, control, events / exposure))
        progress(1)
    what = "at its absolute margin, said to be within it", "at the larger of two, said to hold", "said to be violated"
    within, holds, violated = (_known(name, value) for name, value in zip(what, worst.tolist(), strict=True))
    return within, holds, violated


def clustered(count: int, slack: float = 0.0, progress: Progress = no_progress) -> tuple[Claim, ...]:
    """`count` experiments a case at the absolute margin, users doing it in clusters: the worst case of each kind."""
    rng = np.random.default_rng(SEED)
    claims = []
    for mean in CLUSTERS:
        worst = 0
        for exposure, control, events in product(EXPOSURES[1:4], CONTROL_EVENTS[2:7], MARGIN_EVENTS[1:]):
            arms = (
                _drawn(rng, count, control, mean, 1.0),
                _drawn(rng, count, control * exposure + events, mean, exposure),
            )
            worst = max(worst, int((excess(*arms)[1] < events / exposure).sum()))
        progress(1)
        what = f"said to be within, those who do it do it {mean:g} times on average"
        claimed = mean <= MOST_CLAIMED
        target = f"at most {TAIL}" if claimed else "(shown)"
        claims.append(rate(what, target, worst, count, 0.0, TAIL + slack if claimed else 1.0))
    return tuple(claims)


def peeked(count: int, slack: float = 0.0, progress: Progress = no_progress) -> tuple[Claim, ...]:
    """`count` experiments at the absolute margin, looked at on each of 28 days: said to be within it at any look."""
    rng = np.random.default_rng(SEED + 1)
    valid, naive = (dict.fromkeys(PEEKED_EVENTS, 0) for _ in range(2))
    for events in PEEKED_EVENTS:
        margin = events / (USERS * VIEWS * DAYS / 2)
        for start in range(0, count, AT_ONCE):
            size = min(AT_ONCE, count - start)
            ever, ever_naive = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
            for arms in _days(rng, size, CONTROL_SHARE * margin, margin):
                ever |= excess_always(*arms, margin)[1] < margin
                ever_naive |= excess(*arms)[1] < margin
            valid[events] += int(ever.sum())
            naive[events] += int(ever_naive.sum())
            progress(size)
    claims = []
    for events in PEEKED_EVENTS:
        what = f"said to be within in {DAYS} daily looks, a margin of {events:g} events, "
        claims.append(rate(what + "always valid", "at most 0.05", valid[events], count, 0.0, 2 * TAIL + slack))
        claims.append(rate(what + "fixed horizon misused", "(shown)", naive[events], count, 0.0, 1.0))
    return tuple(claims)


def _exactly(exposure: float, control: float, margin: float) -> F64:
    """(3,) probabilities: within, holds, violated. Control's exposure is 1, so that its rate is `control`."""
    truth = max(margin, RELATIVE_MARGIN * control)
    means = control, (control + margin) * exposure, (control + truth) * exposure
    ends = [stats.poisson.isf(NEVER, mean) + 1.0 for mean in (control, max(means[1:]))]
    a, b = np.meshgrid(*(np.arange(end) for end in ends), indexing="ij")
    one, other = _singles(a, 1.0), _singles(b, exposure)
    low, high = excess(one, other)
    low_relative, high_relative = excess(one, other, 1.0 + RELATIVE_MARGIN)
    at_absolute, at_larger = (
        np.outer(stats.poisson.pmf(np.arange(ends[0]), control), stats.poisson.pmf(np.arange(ends[1]), mean))
        for mean in means[1:]
    )
    return np.array(
        [
            at_absolute[high < margin].sum(),
            at_larger[(high < margin) | (high_relative < 0.0)].sum(),
            at_larger[(low > margin) & (low_relative > 0.0)].sum(),
        ]
    )


def _singles(events: F64, exposure: float) -> Tally:
    """Arms in which nobody did it twice."""
    return Tally(events, events, np.minimum(events, 1.0), np.full(events.shape, exposure))


def _drawn(rng: np.random.Generator, count: int, events: float, mean: float, exposure: float) -> Tally:
    """(count,) arms in which Poisson many users did it, each a geometric number of times."""
    doers = rng.poisson(events / mean, count)
    arm, times = np.repeat(np.arange(count), doers), rng.geometric(1.0 / mean, int(doers.sum())).astype(np.float64)
    largest = np.zeros(count)
    np.maximum.at(largest, arm, times)
    sums = [np.bincount(arm, weights, count).astype(np.float64) for weights in (times, times**2)]
    return Tally(sums[0], sums[1], largest, np.full(count, exposure))


def _days(rng: np.random.Generator, size: int, rate_now: float, margin: float) -> Iterator[tuple[Tally, Tally]]:
    """Both arms of `size` experiments at the end of every day; users arrive day by day and come back."""
    arms = []
    for mean in (rate_now, rate_now + margin):
        own: F64 = mean * rng.gamma(TASTE_SHAPE, 1.0 / TASTE_SHAPE, (size, USERS))
        arms.append((own, np.zeros((size, USERS)), np.zeros((size, USERS))))
    arrives = [rng.integers(0, DAYS, (size, USERS)) for _ in arms]
    for day in range(DAYS):
        tallies = []
        for (own, events, views), arrival in zip(arms, arrives, strict=True):
            seen = rng.poisson(VIEWS * (arrival <= day))
            views += seen
            events += rng.poisson(own * seen)
            tallies.append(Tally.of(np.stack([events, views], axis=-1)))
        yield tallies[0], tallies[1]


def _known(what: str, value: float) -> Claim:
    """Without simulation noise."""
    return Claim(what, f"at most {TAIL:g}", value, value, value, 0.0, TAIL)
