"""What mitigation costs and what it brings: the selector with it off and on, over the same requests.

Relevance is what was clicked, or, where it is known, how likely the reader is to like each candidate. Knows nothing of
logs, worlds or terminals, and nothing that the selector does not do for a live request.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.features import Raw
from feedrank.pipeline.rules import NO_RULES
from feedrank.pipeline.selectors import FeedSelector
from feedrank.pipeline.selectors.floors import small_groups
from feedrank.pipeline.stages import Candidates, Query, Scores
from feedrank.settings import SelectorSettings
from feedrank.state import CODED, Catalog
from feedrank.training.audit.divergence import kullback_leibler
from feedrank.training.audit.lists import TOP
from feedrank.training.audit.measures import attention
from feedrank.training.bootstrap import Interval, numbered, resampled_means
from feedrank.types import F64, HOUR, I32

NEW_HOURS: float = SelectorSettings.model_fields["floor_new_hours"].default
FEWEST_READS = 10  # as in the selector: a shorter history has no proportions
RESAMPLES = 2_000
_CATEGORY, _SOURCE = CODED.index("category"), CODED.index("source")


@dataclass(frozen=True, slots=True)
class Trial:
    """One request: candidates with scores (n,) and relevance (n,), gains that are 0 or more."""

    query: Query
    raw: Raw
    scores: F64
    relevance: F64


@dataclass(frozen=True, slots=True)
class Price:
    """One setting's mean nDCG@10, its relative change against the first setting, and what the top 10 then holds.

    Exposures are shares of attention, `miscalibration` Steck's KL in nats; NaN where a log does not tell.
    """

    name: str
    ndcg: float
    change: Interval  # relative, 95% over users, paired
    exposure_new: float
    exposure_small: float
    miscalibration: float

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "setting": self.name,
            "ndcg@10": self.ndcg,
            "relative_change": self.change.mean,
            "relative_change_95": [self.change.low, self.change.high],
            "exposure_new": self.exposure_new,
            "exposure_small": self.exposure_small,
            "miscalibration": self.miscalibration,
        }


def prices(
    trials: Iterable[Trial], catalog: Catalog, variants: Mapping[str, SelectorSettings], seed: int = 1
) -> list[Price]:
    """The price of each variant against the first, on the same trials. Exploration is left out: it is a price of its
    own.

    InvalidInput where no trial has anything relevant.
    """
    plain = {name: settings.model_copy(update={"explore": 0.0}) for name, settings in variants.items()}
    selectors = {name: FeedSelector(settings, NO_RULES, catalog) for name, settings in plain.items()}
    small = small_groups(np.bincount(catalog.column("source"), minlength=len(catalog.vocabularies["source"])))
    rows: list[list[tuple[float, float, float, float]]] = []
    users: list[str] = []
    for trial in trials:
        if not trial.relevance.any():
            continue
        users.append(trial.query.user_id)
        n = len(trial.relevance)
        candidates = Candidates(trial.raw.items.rows, np.zeros((n, 1), np.int32), ("trial",))
        orders = (
            selector.select(trial.query, candidates, trial.raw, Scores(trial.scores)).order[:TOP]
            for selector in selectors.values()
        )
        rows.append([_figures(trial, order, small) for order in orders])
    if not rows:
        raise InvalidInput("no request of the period has a relevant candidate: there is nothing to measure a price by")
    values = np.array(rows)  # (r, variants, 4)
    ndcg = values[:, :, 0]
    spans = _relative(ndcg, numbered(users), seed)
    return [
        Price(name, float(ndcg[:, v].mean()), spans[v], *(_mean(values[:, v, k]) for k in (1, 2, 3)))
        for v, name in enumerate(plain)
    ]


def _figures(trial: Trial, order: I32, small: Any) -> tuple[float, float, float, float]:
    """nDCG@10, the attention on new items and on small publishers, and miscalibration, of one feed."""
    items, discounts = trial.raw.items, attention()
    gains = trial.relevance[order]
    ideal = np.sort(trial.relevance)[::-1][:TOP]
    ndcg = float((gains * discounts[: len(gains)]).sum() / (ideal * discounts[: len(ideal)]).sum())
    weights = discounts[: len(order)] / discounts[: len(order)].sum()
    born = np.where(items.published_at > 0, items.published_at, items.first_seen)[order]
    new = float(weights[born > trial.query.now - NEW_HOURS * HOUR].sum())
    sources = items.codes[order, _SOURCE]
    exposed = float(weights[small[sources]].sum()) if small.any() else float("nan")
    return ndcg, new, exposed, _miscalibration(trial.raw, order, weights)


def _miscalibration(raw: Raw, order: I32, weights: F64) -> float:
    read = raw.history.codes[:, _CATEGORY]
    read = read[read > 0]
    if len(read) < FEWEST_READS:
        return float("nan")
    shown = raw.items.codes[order, _CATEGORY]
    codes = 1 + max(int(read.max()), int(shown.max(initial=0)))
    target = np.bincount(read, minlength=codes) / len(read)
    found = np.bincount(shown, weights, minlength=codes).astype(np.float64)
    return float(kullback_leibler(target[None], found[None])[0])


def _relative(ndcg: F64, users: Any, seed: int) -> list[Interval]:
    """Change of each column against the first as a part of the first, with its paired interval over users."""
    drawn = resampled_means(ndcg, users, seed, RESAMPLES)
    ratios = drawn / drawn[:, :1] - 1.0
    low, high = np.quantile(ratios, (0.025, 0.975), axis=0)
    means = ndcg.mean(axis=0) / ndcg[:, 0].mean() - 1.0
    return [Interval(float(m), float(a), float(b)) for m, a, b in zip(means, low, high, strict=True)]


def _mean(values: F64) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
