"""Recipes: settings and a view's parts become a Pipeline. The only wiring.

Reads like the path of a request. Knows nothing of how the parts came to be.
"""

import hashlib
import threading
from dataclasses import dataclass

from feedrank.index.interests import interest_vectors
from feedrank.pipeline.executor import Observe, Pipeline
from feedrank.pipeline.filters import (
    AvailableFilter,
    ExcludedFilter,
    ExpiredFilter,
    HiddenFilter,
    LanguageFilter,
    PublishedFilter,
    RegionFilter,
    RequestedFilter,
    SeenFilter,
    ServedFilter,
    StoryFilter,
)
from feedrank.pipeline.hydrate import Hydrator
from feedrank.pipeline.lists import SharedLists
from feedrank.pipeline.rules import Ruleset
from feedrank.pipeline.selectors import FeedSelector
from feedrank.pipeline.sources import (
    CallerSource,
    FollowedSource,
    FreshSource,
    InterestSource,
    PinnedSource,
    SimilarSource,
    TrendingSource,
)
from feedrank.pipeline.sources.interest import NearestNeighbours
from feedrank.pipeline.stages import Filter, Scorer, Source
from feedrank.settings import DataSettings, Settings, SourceQuotas
from feedrank.state import State
from feedrank.store import LogStore

MOST_CALLER_CANDIDATES = 2_000


@dataclass(frozen=True, slots=True)
class Parts:
    """What a pipeline is made of: all pinned, but for counters read under `lock`."""

    store: LogStore
    state: State
    lock: threading.Lock
    index: NearestNeighbours | None  # None: no vectors yet, or no encoder
    lists: SharedLists
    rules: Ruleset
    scorer: Scorer
    space: str
    observe: Observe
    team_names: tuple[str, ...] = ()  # of an interleaved feed, whose scorer is a pair


def feed(settings: Settings, data: DataSettings, parts: Parts) -> Pipeline:
    """The personalised news feed."""
    state = parts.state
    return Pipeline(
        hydrate=Hydrator(parts.store, state, parts.lock, parts.space, interest_vectors),
        sources=sources(settings.quotas, settings.candidates, parts),
        caller_source=CallerSource(state.catalog, MOST_CALLER_CANDIDATES),
        filters=filters(settings, data, parts),
        scorer=parts.scorer,
        selector=FeedSelector(settings.selector, parts.rules, state.catalog, parts.team_names),
        rules=parts.rules,
        state=state,
        lock=parts.lock,
        space=parts.space,
        total=settings.candidates,
        observe=parts.observe,
    )


def sources(quotas: SourceQuotas, total: int, parts: Parts) -> tuple[Source, ...]:
    """All sources, in the order their candidates are taken: what is personal first. `total` is wanted of all."""
    found: list[Source] = []
    if parts.index is not None:
        found.append(InterestSource(parts.index, quotas.interest))
    found += [
        SimilarSource(parts.state, parts.lock, quotas.similar),
        FollowedSource(parts.state, parts.lists, quotas.followed),
        TrendingSource(parts.state, parts.lock, parts.lists, quotas.trending),
        FreshSource(parts.lists, quotas.fresh, total),
    ]
    if any(rule.do == "pin" for rule in parts.rules.rule):
        found.append(PinnedSource(parts.rules, parts.state.catalog))
    return tuple(found)


def filters(settings: Settings, data: DataSettings, parts: Parts) -> tuple[Filter, ...]:
    """All filters, in the order they run: cheap and sweeping ones first, one telling a story last."""
    catalog = parts.state.catalog
    language = (LanguageFilter(catalog),) if settings.filter_language else ()
    return (
        AvailableFilter(data.serve_unlisted_items),
        ExpiredFilter(),
        PublishedFilter(),
        RegionFilter(catalog),
        *language,
        RequestedFilter(catalog),
        HiddenFilter(),
        SeenFilter(settings.seen_views, settings.seen_views_hours),
        ServedFilter(catalog),
        ExcludedFilter(parts.rules, catalog),
        StoryFilter(),
    )


def recipe_hash(settings: Settings, data: DataSettings) -> bytes:
    """What a slate keeps of its recipe: 16 bytes over every setting that shapes a feed."""
    shaping = settings.model_dump_json(exclude={"models_dir", "champion"}) + data.model_dump_json()
    return hashlib.blake2b(("feed" + shaping).encode(), digest_size=16).digest()
