"""Filters: each says which candidates stay. A mask cannot reorder; a filter that fails fails the request.

Filters marked `always` hold for a caller's own candidates too. They read the request's gathered columns alone: no I/O,
no clock.
"""

from dataclasses import dataclass

import numpy as np

from feedrank.features import Raw
from feedrank.kernels import among, distinct
from feedrank.pipeline.rules import Ruleset
from feedrank.pipeline.stages import Filter, Query, Reader
from feedrank.state import CODED, NEVER, Catalog
from feedrank.types import HOUR, AnyArray, Bools


@dataclass(frozen=True, slots=True)
class AvailableFilter:
    """Drops deleted items, and never upserted ones unless the data directory serves them."""

    serve_unlisted: bool
    name: str = "available"
    always: bool = True

    def keep(self, query: Query, reader: Reader, raw: Raw) -> Bools:
        # A row no record names any more, as after an erasure, has no id to be served under.
        named = raw.items.first_seen != NEVER
        mask: Bools = ~raw.items.deleted & (raw.items.listed | (self.serve_unlisted & named))
        return mask


@dataclass(frozen=True, slots=True)
class ExpiredFilter:
    """Drops items that have expired."""

    name: str = "expired"
    always: bool = True

    def keep(self, query: Query, reader: Reader, raw: Raw) -> Bools:
        mask: Bools = (raw.items.expires_at == 0) | (raw.items.expires_at > query.present)
        return mask


@dataclass(frozen=True, slots=True)
class PublishedFilter:
    """Drops items that are not published yet."""

    name: str = "published"
    always: bool = False

    def keep(self, query: Query, reader: Reader, raw: Raw) -> Bools:
        mask: Bools = raw.items.published_at <= query.present
        return mask


@dataclass(frozen=True, slots=True)
class RegionFilter:
    """Drops items that may not be shown in the request's region or country; without one, all but unrestricted items."""

    catalog: Catalog
    name: str = "region"
    always: bool = True

    def keep(self, query: Query, reader: Reader, raw: Raw) -> Bools:
        if not raw.items.regions.any():  # code 0: everywhere
            return np.ones(len(raw.items.rows), np.bool_)
        here = {query.context.region, query.context.country} - {""}
        words = self.catalog.vocabularies["regions"].words
        codes, inverse = np.unique(raw.items.regions, return_inverse=True)
        allowed = [code == 0 or not here.isdisjoint(words[code].split("|")) for code in codes.tolist()]
        return np.array(allowed, np.bool_)[inverse]


@dataclass(frozen=True, slots=True)
class HiddenFilter:
    """Drops what the user hid."""

    name: str = "hidden"
    always: bool = True

    def keep(self, query: Query, reader: Reader, raw: Raw) -> Bools:
        return ~among(raw.items.rows, reader.profile.hidden_rows)


@dataclass(frozen=True, slots=True)
class RequestedFilter:
    """Drops what the request excludes by id, category, source, language or age."""

    catalog: Catalog
    name: str = "requested"
    always: bool = True

    def keep(self, query: Query, reader: Reader, raw: Raw) -> Bools:
        asked, items = query.filter, raw.items
        mask = np.ones(len(items.rows), np.bool_)
        if asked.include_categories:
            mask &= self._is("category", asked.include_categories, raw)
        if asked.exclude_categories:
            mask &= ~self._is("category", asked.exclude_categories, raw)
        if asked.exclude_sources:
            mask &= ~self._is("source", asked.exclude_sources, raw)
        if asked.languages:
            mask &= self._is("language", asked.languages, raw)
        if asked.max_age:
            mask &= query.now - _appeared(raw) <= asked.max_age
        if asked.exclude_item_ids:
            rows = [self.catalog.row_of.get(item_id, -1) for item_id in asked.exclude_item_ids]
            mask &= ~among(items.rows, np.array(rows, np.int32))
        return mask

    def _is(self, column: str, words: tuple[str, ...], raw: Raw) -> Bools:
        # Code 0 is the empty string: an item without category is never asked for by name.
        codes = [code for code in (self.catalog.vocabularies[column].find(word) for word in words) if code > 0]
        return np.isin(raw.items.codes[:, CODED.index(column)], codes)


@dataclass(frozen=True, slots=True)
class LanguageFilter:
    """Drops items in another language than the request's, where both are known (by primary subtag: en-GB is en)."""

    catalog: Catalog
    name: str = "language"
    always: bool = False

    def keep(self, query: Query, reader: Reader, raw: Raw) -> Bools:
        asked = _primary(query.context.language)
        if not asked:
            return np.ones(len(raw.items.rows), np.bool_)
        words = self.catalog.vocabularies["language"].words
        codes, inverse = np.unique(raw.items.codes[:, CODED.index("language")], return_inverse=True)
        allowed = [_primary(words[code]) in ("", asked) for code in codes.tolist()]
        return np.array(allowed, np.bool_)[inverse]


@dataclass(frozen=True, slots=True)
class SeenFilter:
    """Drops what the user has read, and what was viewed `views` times in `hours` without a click."""

    views: int
    hours: float
    name: str = "seen"
    always: bool = False

    def keep(self, query: Query, reader: Reader, raw: Raw) -> Bools:
        profile = reader.profile
        recent = profile.viewed_rows[profile.viewed_times > query.now - self.hours * HOUR]
        rows, counts = np.unique(recent, return_counts=True)
        tired = rows[counts >= self.views]
        return ~among(raw.items.rows, np.concatenate([profile.engaged_rows, tired]))


@dataclass(frozen=True, slots=True)
class ServedFilter:
    """Drops what earlier pages of the same feed served, and other tellings of those stories."""

    catalog: Catalog
    name: str = "served"
    always: bool = True

    def keep(self, query: Query, reader: Reader, raw: Raw) -> Bools:
        if not query.served_before:
            return np.ones(len(raw.items.rows), np.bool_)
        served = [r for r in (self.catalog.row_of.get(i) for i in query.served_before) if r is not None]
        mask = ~np.isin(raw.items.rows, served)
        if not query.candidate_ids:
            mask &= ~np.isin(raw.items.story, self.catalog.columns["story"][served])
        return mask


@dataclass(frozen=True, slots=True)
class ExcludedFilter:
    """Drops what editors' rules exclude."""

    rules: Ruleset
    catalog: Catalog
    name: str = "excluded"
    always: bool = False

    def keep(self, query: Query, reader: Reader, raw: Raw) -> Bools:
        mask = np.ones(len(raw.items.rows), np.bool_)
        for rule in self.rules.ruling(query, "exclude"):
            mask &= ~rule.items.match(self.catalog, raw)
        return mask


@dataclass(frozen=True, slots=True)
class StoryFilter:
    """Keeps one item a story: the newest. Comes last, so that a story is not lost with a copy another filter drops."""

    name: str = "story"
    always: bool = False

    def keep(self, query: Query, reader: Reader, raw: Raw) -> Bools:
        rows = raw.items.rows
        if len(distinct(raw.items.story)) == len(rows):
            return np.ones(len(rows), np.bool_)
        order = np.lexsort((rows, -_appeared(raw), raw.items.story))
        _, first = np.unique(raw.items.story[order], return_index=True)
        mask = np.zeros(len(rows), np.bool_)
        mask[order[first]] = True
        return mask


def _appeared(raw: Raw) -> AnyArray:
    """When each candidate was published, or first named in the log, (n,) microseconds."""
    return np.where(raw.items.published_at > 0, raw.items.published_at, raw.items.first_seen)


def _primary(language: str) -> str:
    return language.replace("_", "-").partition("-")[0].lower()


def applies(filter: Filter, query: Query) -> bool:
    """Whether a filter rules this request: a caller's own candidates are dropped for few reasons."""
    return filter.always or not query.candidate_ids
