"""What goes into and comes out of ranking, in the domain's words: a call, a feed, its explanations and traces.

Knows nothing of protobuf or of how a feed is made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from feedrank.pipeline.stages import RequestFilter
from feedrank.types import Context, Personalization


@dataclass(frozen=True, slots=True)
class RankCall:
    """A caller's request for a feed, already within field limits. `limit` is 1..200; "" means absent."""

    user_id: str = ""
    limit: int = 20
    surface: str = ""
    context: Context = Context()
    candidate_ids: tuple[str, ...] = ()
    filter: RequestFilter = RequestFilter()
    personalization: Personalization = Personalization.UNSPECIFIED
    explain: bool = False
    experiment_overrides: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""
    dry_run: bool = False
    page_token: str = ""
    hurried: bool = False  # many wait: fewer candidates
    arrived_s: float | None = None  # time.perf_counter() when the server got it; None: when ranking begins


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature, or one rule, added to a score."""

    feature: str
    value: float
    contribution: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an item stands where it does: contributions and `base` sum to the score."""

    contributions: tuple[Contribution, ...]
    base: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One place of a feed."""

    item_id: str
    score: float
    position: int  # 1-based
    sources: tuple[str, ...]
    story_id: str
    propensity: float
    click_probability: float | None = None
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """A ranked feed."""

    items: tuple[FeedItem, ...]
    request_id: str
    model_version: str  # NAME@VERSION, or "prior"
    variants: Mapping[str, str] = field(default_factory=dict)
    degraded: bool = False
    degraded_reasons: tuple[str, ...] = ()
    next_page_token: str = ""


@dataclass(frozen=True, slots=True)
class StageTrace:
    """What one stage did with one item: kept, dropped, moved or absent, and why."""

    stage: str
    verdict: str
    detail: str


@dataclass(frozen=True, slots=True)
class SimilarItem:
    """An item near another, and by which source: "similar" (read together) or "text"."""

    item_id: str
    score: float
    sources: tuple[str, ...]
