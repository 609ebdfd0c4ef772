"""Editors' rules: if-then, in TOML. Pin to a position, boost, bury, exclude, cap.

    [[rule]]
    name = "local first"
    do = "boost"                 # boost | bury | exclude | pin | cap
    amount = 0.5                 # boost, bury: added to or taken from the score
    when = { regions = ["north"], surfaces = ["home"] }      # of the request; absent: always
    items = { categories = ["local"], max_age_hours = 12 }   # which items; absent: all

`pin` takes `position` (1-based) and `items.item_ids`; `cap` takes `max` and `per` (source, author, category or
subcategory), and counts per value among the matching items of one feed. Boosts and burials are terms of the score,
called `rule:NAME`; pins and caps belong to the selector, exclusions to a filter. Knows nothing of files being watched.
"""

import hashlib
import tomllib
from datetime import UTC, datetime
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from feedrank.errors import InvalidInput
from feedrank.features import Raw
from feedrank.pipeline.stages import Query
from feedrank.state import CODED, Catalog
from feedrank.types import HOUR, I32, I64, AnyArray, Bools, Micros

Words = Annotated[tuple[str, ...], Field(max_length=1_000)]


class When(BaseModel):
    """Which requests a rule is for; empty lists ask nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    surfaces: Words = ()
    regions: Words = ()
    countries: Words = ()
    languages: Words = ()
    devices: Words = ()
    start: datetime | None = None
    end: datetime | None = None

    def holds(self, query: Query) -> bool:
        """Whether the rule rules this request."""
        context, now = query.context, datetime.fromtimestamp(query.present / 1e6, UTC)
        asked = (
            (self.surfaces, query.surface),
            (self.regions, context.region),
            (self.countries, context.country),
            (self.languages, context.language),
            (self.devices, context.device),
        )
        if any(allowed and value not in allowed for allowed, value in asked):
            return False
        return (self.start is None or _utc(self.start) <= now) and (self.end is None or now < _utc(self.end))


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Items(BaseModel):
    """Which items a rule is about; every named list must match."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    item_ids: Words = ()
    categories: Words = ()
    subcategories: Words = ()
    authors: Words = ()
    sources: Words = ()
    languages: Words = ()
    max_age_hours: float | None = Field(None, gt=0)

    def match(self, catalog: Catalog, raw: Raw) -> Bools:
        """Which candidates match, (n,)."""
        items = raw.items
        appeared = np.where(items.published_at > 0, items.published_at, items.first_seen)
        return self._matching(catalog, items.rows, items.codes, raw.requests.now[0] - appeared)

    def match_rows(self, catalog: Catalog, rows: I32, now: Micros) -> Bools:
        """Which items of the catalog match, (n,), as its columns stand."""
        columns = catalog.columns
        codes = np.stack([columns[name][rows] for name in CODED], axis=1)
        appeared = np.where(
            columns["published_at"][rows] > 0, columns["published_at"][rows], columns["first_seen"][rows]
        )
        return self._matching(catalog, rows, codes, now - appeared)

    def _matching(self, catalog: Catalog, rows: I32, codes: I32, age: I64) -> Bools:
        mask = np.ones(len(rows), np.bool_)
        wanted = (self.categories, self.subcategories, self.authors, self.sources, self.languages)
        for column, words in zip(CODED, wanted, strict=True):
            if words:
                known = [code for code in (catalog.vocabularies[column].find(w) for w in words) if code > 0]
                mask &= np.isin(codes[:, CODED.index(column)], known)
        if self.item_ids:
            mask &= np.isin(rows, [catalog.row_of.get(i, -1) for i in self.item_ids])
        if self.max_age_hours is not None:
            mask &= age <= self.max_age_hours * HOUR
        return mask


class Rule(BaseModel):
    """One if-then rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=100)
    do: Literal["boost", "bury", "exclude", "pin", "cap"]
    when: When = When()
    items: Items = Items()
    amount: float | None = Field(None, gt=0, le=100, allow_inf_nan=False)
    position: int | None = Field(None, ge=1, le=200)
    max: int | None = Field(None, ge=0, le=200)
    per: Literal["source", "author", "category", "subcategory"] | None = None

    @model_validator(mode="after")
    def _complete(self) -> "Rule":
        needs = {"boost": ("amount",), "bury": ("amount",), "exclude": (), "pin": ("position",), "cap": ("max", "per")}
        given = {"amount": self.amount, "position": self.position, "max": self.max, "per": self.per}
        for field, value in given.items():
            if field in needs[self.do] and value is None:
                raise ValueError(f"rule {self.name!r}: {self.do} needs `{field}`")
            if field not in needs[self.do] and value is not None:
                raise ValueError(f"rule {self.name!r}: `{field}` means nothing to {self.do}")
        if self.do == "pin" and not self.items.item_ids:
            raise ValueError(f"rule {self.name!r}: pin needs `items.item_ids`")
        return self


class Ruleset(BaseModel):
    """All rules, in file order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: tuple[Rule, ...] = Field((), max_length=1_000)

    @model_validator(mode="after")
    def _distinct(self) -> "Ruleset":
        names = [r.name for r in self.rule]
        repeated = next((n for n in names if names.count(n) > 1), None)
        if repeated is not None:
            raise ValueError(f"two rules are named {repeated!r}")
        return self

    def ruling(self, query: Query, *kinds: str) -> list[Rule]:
        """Rules of these kinds that hold for a request, in order."""
        return [r for r in self.rule if r.do in kinds and r.when.holds(query)]


NO_RULES = Ruleset()


def parse_rules(text: str) -> Ruleset:
    """Rules from TOML. InvalidInput names the rule and the field."""
    try:
        return Ruleset.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"the rules are not valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "rules"
        raise InvalidInput(f"the rules are not valid at {where}: {first['msg']}") from error


def rules_hash(text: str) -> bytes:
    """What a slate keeps of the rules that ruled it: 16 bytes."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def terms(rules: Ruleset, query: Query, catalog: Catalog, raw: Raw) -> dict[str, AnyArray]:
    """Additive score terms by name `rule:NAME`, each (n,) float64; only rules that move some candidate."""
    out: dict[str, AnyArray] = {}
    for rule in rules.ruling(query, "boost", "bury"):
        mask = rule.items.match(catalog, raw)
        if mask.any():
            amount = (rule.amount or 0.0) * (1.0 if rule.do == "boost" else -1.0)
            out[f"rule:{rule.name}"] = np.where(mask, amount, 0.0).astype(np.float64)
    return out
