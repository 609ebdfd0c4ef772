"""The stages of a Rank request, as Protocols whose return types keep them honest.

A source brings rows; a filter returns a mask, so it cannot reorder; a scorer returns named columns, so it cannot drop;
only a selector orders. Failure rules stand in `executor` alone. Knows nothing of transport, storage or models.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from feedrank.features import Raw
from feedrank.history import Profile
from feedrank.types import F32, F64, I32, I64, Bools, Context, Micros


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """What the caller asked to leave out; empty tuples and 0 ask nothing."""

    include_categories: tuple[str, ...] = ()
    exclude_categories: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    max_age: Micros = 0
    exclude_item_ids: tuple[str, ...] = ()
    exclude_sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """One request as the pipeline sees it. `now` is whole seconds; `seed` depends on request_id alone."""

    request_id: str
    user_id: str  # "" for an unknown or unpersonalised user
    limit: int
    now: Micros  # what decay, freshness and features are as of: the present, or the end of a log that stands still
    seed: int
    surface: str = ""
    context: Context = Context()
    candidate_ids: tuple[str, ...] = ()
    filter: RequestFilter = RequestFilter()
    explain: bool = False
    dry_run: bool = False
    served_before: tuple[str, ...] = ()  # item ids of the feed's earlier pages, in order
    variants: Mapping[str, str] = field(default_factory=dict)
    clock: Micros = 0  # the present, for what expires; 0: `now`

    @property
    def present(self) -> Micros:
        """The instant by which items expire and rules begin and end."""
        return self.clock or self.now


@dataclass(frozen=True, slots=True)
class Reader:
    """The hydrated user: profile, derived interest vectors, and the log position the history was read at."""

    profile: Profile
    interests: F32  # (k, d) unit length, k from 0 to 5
    position: int


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What one source brings: rows, best first, and its own scores (m,)."""

    rows: I32
    scores: F32


@dataclass(frozen=True, slots=True)
class Candidates:
    """The union of all sources, one entry an item. `ranks[i, s]` is its place in source s, 0 best, -1 absent."""

    rows: I32  # (n,)
    ranks: I32  # (n, len(sources))
    sources: tuple[str, ...]

    def take(self, keep: I64) -> "Candidates":
        """Only the entries at indices `keep`, in that order."""
        return Candidates(self.rows[keep], self.ranks[keep], self.sources)


CLICK_PROBABILITY = "click_probability"


@dataclass(frozen=True, slots=True)
class Scores:
    """Named score columns (n,). `final` is what the selector orders by: the margin plus all rule terms."""

    final: F64
    columns: Mapping[str, F64] = field(default_factory=dict)  # "margin", "rule:NAME", CLICK_PROBABILITY


@dataclass(frozen=True, slots=True)
class Selection:
    """The ordered feed: indices into the scored candidates, and each place's propensity, 1 where nothing was drawn."""

    order: I32  # (m,)
    propensities: F32  # (m,)
    exploring: Bools = field(default_factory=lambda: np.empty(0, np.bool_))  # (m,) drawn by an exploration slot


class Source(Protocol):
    """Brings candidate rows, best first; beyond `quota` only as spare for what other sources leave free."""

    name: str
    quota: int

    def retrieve(self, query: Query, reader: Reader) -> Retrieved: ...


class Filter(Protocol):
    """Says which candidates stay: a mask (n,), same candidates, same order.

    `always`: it rules a caller's own candidates too.
    """

    @property
    def name(self) -> str: ...
    @property
    def always(self) -> bool: ...

    def keep(self, query: Query, reader: Reader, raw: Raw) -> Bools: ...


class Scorer(Protocol):
    """Scores feature rows (n, len(features)): named columns (n,), in order, "margin" among them and, from a calibrated
    scorer, CLICK_PROBABILITY.
    """

    name: str
    features: tuple[str, ...]  # columns it reads, in its order

    def score(self, rows: F32) -> Mapping[str, F64]: ...
    def contributions(self, rows: F32) -> F64:
        """What each feature added to each margin, (n, len(features) + 1), the base last; rows sum to the margin."""
        ...


class Selector(Protocol):
    """Orders: the only stage that does."""

    def select(self, query: Query, candidates: Candidates, raw: Raw, scores: Scores) -> Selection: ...
