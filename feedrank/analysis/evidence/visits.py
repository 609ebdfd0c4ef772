"""Simulated readers of an experiment: how much they come, how they click, and the same before it began.

Views are 1 + Poisson at a gamma rate of the reader's own, clicks binomial at a beta taste of the reader's own, and both
rate and taste are the same before. So users are heavy-tailed, rows of one user are alike, and the past predicts.
The truth is known: the click rate is MEAN_TASTE x lift, clicks per user MEAN_VIEWS times that. Knows nothing of
estimates.
"""

from enum import StrEnum

import numpy as np

from feedrank.types import F64

RATE_SHAPE, RATE_SCALE = 1.5, 6.0
TASTE = (2.0, 18.0)
MEAN_VIEWS = 1.0 + RATE_SHAPE * RATE_SCALE
MEAN_TASTE = TASTE[0] / sum(TASTE)


class Metric(StrEnum):
    """The kinds of metric a report holds."""

    MEAN = "clicks per user (mean)"
    RATIO = "click rate (ratio)"
    SHARE = "users who come back (share)"
    MEAN_CUPED = "clicks per user, CUPED"
    RATIO_CUPED = "click rate, CUPED"

    def columns(self, visits: F64) -> F64:
        """Numerator, denominator [and both before] (..., 2 or 4) out of visits (..., 5)."""
        ones = np.ones(visits.shape[:-1])
        clicks, views, clicks_before, views_before, returned = np.moveaxis(visits, -1, 0)
        chosen = {
            Metric.MEAN: (clicks, ones),
            Metric.RATIO: (clicks, views),
            Metric.SHARE: (returned, ones),
            Metric.MEAN_CUPED: (clicks, ones, clicks_before, ones),
            Metric.RATIO_CUPED: (clicks, views, clicks_before, views_before),
        }[self]
        return np.stack(chosen, axis=-1)

    def truth(self, lift: float) -> float:
        """The metric's true value where clicks, or returns, are `lift` times as likely."""
        click_rate = MEAN_TASTE * lift
        if self in (Metric.RATIO, Metric.RATIO_CUPED):
            return click_rate
        return RETURN_RATE * lift if self is Metric.SHARE else MEAN_VIEWS * click_rate


RETURN_RATE = 0.3


def draw(rng: np.random.Generator, experiments: int, users: int, lift: float = 1.0) -> F64:
    """(experiments, users, 5): clicks, views, clicks before, views before, and whether they came back (0 or 1)."""
    shape = (experiments, users)
    rate = rng.gamma(RATE_SHAPE, RATE_SCALE, shape)
    taste = rng.beta(*TASTE, shape)
    views, before = 1 + rng.poisson(rate), 1 + rng.poisson(rate)
    clicks = rng.binomial(views, np.minimum(taste * lift, 1.0))
    clicks_before = rng.binomial(before, taste)
    returned = rng.random(shape) < RETURN_RATE * lift
    return np.stack([clicks, views, clicks_before, before, returned], axis=-1).astype(np.float64)
