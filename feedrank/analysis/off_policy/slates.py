"""The service's own slates as off-policy decisions: one for each place shown, with the propensity it was logged with.

A logged propensity is the probability of an item in its place given those above it, so the probability of all that
stands down to a place is the product of them, and so is the weight of the place's clicks: McInerney, Brost, Chandar,
Mehrotra, Carterette, "Counterfactual Evaluation of Slate Recommendations with Sequential Reward Interactions", KDD
2020. A click may then depend on everything above it. The value is clicks per place shown. Knows nothing of estimators.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from google.protobuf.message import DecodeError

from feedrank.analysis.off_policy.estimators import Decisions
from feedrank.errors import InvalidInput, StoreError
from feedrank.store import StoredSlate
from feedrank.training.bootstrap import numbered
from feedrank.training.labels import Answers
from feedrank.types import F64, I64
from feedrank.v1 import log_pb2 as log

LIKELY = 0.5  # a place drawn by an epsilon slice has a propensity far below, the greedy choice one far above


@dataclass(frozen=True, slots=True)
class Places:
    """All places of all slates, in order. Slate i is places offsets[i]:offsets[i + 1]."""

    offsets: I64  # (slates + 1,)
    propensities: F64  # (n,) as logged
    scores: F64  # (n,) as logged
    clicked: F64  # (n,) 0 or 1
    users: I64  # (n,) numbers


Target = Callable[[Places], F64]  # the target's probability (n,) of what stands in each place, given those above it


def read_places(slates: Iterable[StoredSlate], answers: Answers) -> Places:
    """The places of slates and what was clicked. InvalidInput where there are none, StoreError for a damaged one."""
    sizes: list[int] = []
    owners: list[str] = []
    propensities: list[float] = []
    scores: list[float] = []
    clicked: list[bool] = []
    for stored in slates:
        try:
            slate = log.Slate.FromString(stored.body)
        except DecodeError as error:
            raise StoreError(f"slate {stored.request_id!r} does not parse: the data directory is damaged") from error
        rows = answers.clicked(stored.user_id, stored.request_id)
        sizes.append(len(slate.shown))
        owners.append(stored.user_id)
        propensities.extend(slate.propensities)
        scores.extend(slate.scores[: len(slate.shown)])  # of the shown, then of the sampled
        clicked.extend(slate.candidate_rows[i] in rows for i in slate.shown)
    if not clicked:
        raise InvalidInput("no slate of that time is in the log: serve with exploration first")
    users = np.repeat(numbered(owners), sizes)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    logged, scored, answered = (np.array(column, np.float64) for column in (propensities, scores, clicked))
    return Places(offsets, logged, scored, answered, users)


def without_exploration(places: Places) -> F64:
    """The target that fills each place with the greedy choice: 1 where that stood there, 0 where another was drawn.

    Of slates made with an epsilon slice; under Plackett-Luce the greedy choice cannot be told from a propensity.
    """
    return (places.propensities > LIKELY).astype(np.float64)


def decisions_of(places: Places, target: Target) -> Decisions:
    """Every place as a decision, weighted by all that stands down to it.

    InvalidInput for probabilities of the target outside 0..1, and for logged ones that are not above 0.
    """
    wanted = target(places)
    if not ((wanted >= 0) & (wanted <= 1)).all():
        raise InvalidInput("a target's probabilities lie between 0 and 1")
    if not (places.propensities > 0).all():
        raise InvalidInput("a logged propensity is 0 where an item was shown: these slates cannot be used")
    return Decisions(places.clicked, _running_products(wanted / places.propensities, places.offsets), places.users)


def _running_products(ratios: F64, offsets: I64) -> F64:
    """Products down each slate, (n,)."""
    sizes = np.diff(offsets)
    longest = int(sizes.max(initial=0))
    table = np.ones((len(sizes), longest))
    present = np.arange(longest) < sizes[:, None]
    table[present] = ratios
    return np.asarray(np.cumprod(table, axis=1)[present])
