"""The prior: a fixed, additive scorer that ranks sensibly from the first request, before any model is trained.

Each term is a feature, squashed, times a weight. The weights are judgement, rounded: for the personal terms because
what a user reads says most, for the others near what a conditional logit gives on a week of real impressions. There the
prior ranks above clicks of the last hours alone. An item shown again and again, or read, loses. Knows nothing of data.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from feedrank.types import F32, F64

FRESH_HALF_LIFE_H = 18.0  # a news item is half as interesting after most of a day
USUAL_CTR = 0.1  # where the CTR term is neutral


@dataclass(frozen=True, slots=True)
class _Term:
    feature: str
    weight: float
    squash: Callable[[F64], F64]  # NaN (unknown) becomes 0: no evidence either way
    why: str


def _identity(x: F64) -> F64:
    return x


def _unit(x: F64) -> F64:
    return np.clip(x, 0.0, 1.0)


_TERMS = (
    _Term("sim_decayed", 1.5, _unit, "text like what the user lately read"),
    _Term("sim_max", 1.0, _unit, "text like one thing the user read"),
    _Term("sim_query", 1.5, _unit, "text like what the user searched for"),
    _Term("sim_negative", -1.0, _unit, "text like what the user hid"),
    _Term("category_affinity", 0.8, _identity, "a category the user reads"),
    _Term("subcategory_affinity", 0.8, _identity, "a subcategory the user reads"),
    _Term("co_sum", 0.8, lambda x: np.tanh(2.0 * x), "readers of the user's articles read it too"),
    _Term("follows_author", 0.7, _identity, "an author the user follows"),
    _Term("follows_category", 0.3, _identity, "a category the user follows"),
    _Term("follows_source", 0.4, _identity, "a source the user follows"),
    _Term("log_clicks_6h", 0.6, _identity, "many click it now"),
    _Term(
        "log_engaged_6h", 0.1, _identity, "many read it now, clicked or not: all there is where views are not reported"
    ),
    _Term("ctr_24h", 0.3, lambda x: np.tanh(np.log(np.maximum(x, 1e-4) / USUAL_CTR)), "converts better than usual"),
    _Term("log_regional", 0.1, _identity, "many in the region read it"),
    _Term("age_hours", 0.5, lambda x: np.exp2(-x / FRESH_HALF_LIFE_H), "it is new"),
    _Term("views_24h", -0.5, _identity, "it was shown to the user already"),
    _Term("reads_by_user", -1.0, lambda x: np.minimum(x, 2.0), "the user has read it"),
)


class PriorScorer:
    """The documented prior over named features."""

    name = "prior"
    features = tuple(term.feature for term in _TERMS)

    def score(self, rows: F32) -> Mapping[str, F64]:
        """{"margin": (n,) float64} of rows (n, features) float32."""
        terms = self.contributions(rows)
        margin = np.zeros(len(rows))
        for j in range(len(_TERMS)):  # in order: a row's bits must not depend on the batch
            margin += terms[:, j]
        return {"margin": margin}

    def contributions(self, rows: F32) -> F64:
        """What each feature adds, (n, features + 1); the base, last, is 0."""
        out = np.zeros((len(rows), len(_TERMS) + 1))
        for j, term in enumerate(_TERMS):
            value = term.squash(rows[:, j].astype(np.float64))
            out[:, j] = term.weight * np.where(np.isfinite(value), value, 0.0)
        return out
