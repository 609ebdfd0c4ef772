"""What lists are beyond accuracy, each measure with its interval: coverage, concentration, novelty, diversity,
near-duplicates, and how far their topics are from what their users read.

Knows nothing of stores or of who made the lists.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedrank.records import Fact, VectorLanded
from feedrank.settings import Settings
from feedrank.training.audit.divergence import kullback_leibler, top_shares
from feedrank.training.audit.item_groups import codes_of
from feedrank.training.audit.lists import Lists
from feedrank.training.audit.measures import (
    attention,
    coverage,
    exposure,
    gini,
    list_means,
    pairwise,
    self_information,
)
from feedrank.training.audit.radio import Evidence, history_shares
from feedrank.training.audit.settings import AuditSettings, Guardrail
from feedrank.training.bootstrap import Interval, intervals, numbered
from feedrank.types import F32, F64, I32, Bools

NEAR_DUPLICATE: float = Settings.model_fields["story_threshold"].default  # the cosine above which two tell one story


@dataclass(frozen=True, slots=True)
class Vectors:
    """Text vectors by catalog row, (rows, d) of unit length, and the story of each, -1 where unknown."""

    values: F32
    known: Bools  # (rows,)
    stories: I32  # (rows,)


@dataclass(frozen=True, slots=True)
class Beyond:
    """Measures of the top of lists; NaN where the log does not allow one. Intervals are 95% over users."""

    coverage: float  # of the items that were candidates
    gini: float  # of attention over them
    novelty: Interval  # bits
    intra_list_distance: Interval  # 1 - cosine
    near_duplicates: Interval  # pairs a list
    miscalibration: Interval  # Steck's KL in nats; less is better

    def as_json(self) -> dict[str, Any]:
        """For machines: values, and their intervals as NAME_95."""
        spans = {
            "novelty": self.novelty,
            "intra_list_distance": self.intra_list_distance,
            "near_duplicates": self.near_duplicates,
            "miscalibration": self.miscalibration,
        }
        values = {name: span.mean for name, span in spans.items()}
        bounds = {f"{name}_95": [span.low, span.high] for name, span in spans.items()}
        return {"coverage": self.coverage, "gini": self.gini, **values, **bounds}


def beyond(lists: Lists, evidence: Evidence, vectors: Vectors, seed: int = 1) -> Beyond:
    """The measures of lists; `evidence` lends readers, histories and categories."""
    rows = len(evidence.stories)
    supplied = np.unique(lists.pool)
    reading = evidence.reading
    information = self_information(reading.readers, len(reading.items))
    distance, duplicates = pairwise(lists, vectors.values, vectors.known, NEAR_DUPLICATE)
    return Beyond(
        coverage(lists),
        gini(exposure(lists, rows)[supplied]),
        span_of(list_means(lists.top, information), lists, seed),
        span_of(distance, lists, seed),
        span_of(duplicates, lists, seed),
        span_of(_miscalibration(lists, evidence), lists, seed),
    )


def span_of(values: F64, lists: Lists, seed: int) -> Interval:
    """The mean over lists that have a value, with its interval over users."""
    some = ~np.isnan(values)
    users = numbered(lists.user_ids)
    return intervals(values[some][:, None], users[some], seed)[0]


def beyond_guardrails(found: Beyond, settings: AuditSettings) -> list[Guardrail]:
    """Those that have a limit; what could not be measured passes with the value NaN."""
    at_least = {
        "coverage": (found.coverage, settings.coverage),
        "novelty": (found.novelty.mean, settings.novelty),
        "intra-list distance": (found.intra_list_distance.mean, settings.intra_list_distance),
    }
    at_most = {
        "gini of exposure": (found.gini, settings.gini),
        "near-duplicates": (found.near_duplicates.mean, settings.near_duplicates),
        "miscalibration": (found.miscalibration.mean, settings.miscalibration),
    }
    low = [Guardrail(n, v, limit, not v < limit) for n, (v, limit) in at_least.items() if limit is not None]
    high = [Guardrail(n, v, limit, not v > limit) for n, (v, limit) in at_most.items() if limit is not None]
    return low + high


def read_vectors(facts: Sequence[Fact], space: str, rows: int) -> Vectors:
    """The vectors of a space as they are at the end of a log; none where `space` is ""."""
    landed = [fact for fact in facts if isinstance(fact, VectorLanded) and fact.space == space]
    width = len(landed[0].values) if landed else 0
    values = np.zeros((rows, width), np.float32)
    known = np.zeros(rows, np.bool_)
    stories = np.full(rows, -1, np.int32)
    for fact in landed:
        values[fact.row], known[fact.row], stories[fact.row] = fact.values, True, fact.story_row
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return Vectors(np.divide(values, norms, out=values, where=norms > 0), known, stories)


def _miscalibration(lists: Lists, evidence: Evidence) -> F64:
    """Steck's divergence of each list's topics from those its user had read, places weighing attention, (r,)."""
    topics, names = codes_of(evidence.background.categories, np.arange(len(evidence.stories), dtype=np.int32))
    if len(names) < 2:
        return np.full(len(lists), np.nan)
    history = history_shares(lists, evidence.reading, topics, len(names))
    return kullback_leibler(history, top_shares(lists.top, topics, len(names), attention()))
