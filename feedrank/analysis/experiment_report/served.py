"""The slates of a store as a table: what was served to whom, and which variant of an experiment made it.

Knows nothing of definitions, of what readers did, or of metrics.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from google.protobuf.message import DecodeError

from feedrank.errors import StoreError
from feedrank.experiments.exposures import exposures_of
from feedrank.store import LogStore
from feedrank.training.facts import Progress, no_progress
from feedrank.types import F64, I64, Micros
from feedrank.v1 import log_pb2 as log

SCHEMA: dict[str, Any] = {
    "request_id": pl.String,
    "user_id": pl.String,
    "session_id": pl.String,
    "time": pl.Int64,
    "device": pl.String,
    "language": pl.String,
    "region": pl.String,
    "surface": pl.String,
    "degraded": pl.Boolean,
    "rank_us": pl.Int64,  # from the request's arrival until its feed was made; 0 where not known
    "rows": pl.List(pl.Int64),  # items shown, in order
    "variant": pl.String,  # assigned; "" where the experiment had no part in the slate
    "fell_back": pl.Boolean,
    "overridden": pl.Boolean,
    "unit": pl.String,  # what was hashed: user, session, request
    "drafted": pl.List(pl.String),  # of an interleaved slate: whose pick each shown item is
}
SEGMENTS = ("device", "language", "region", "surface")
PROGRESS_EVERY = 1_000


def read_served(
    store: LogStore, experiment: str, start: Micros, until: Micros, progress: Progress = no_progress
) -> pl.DataFrame:
    """The slates served in [start, until) with at least one item, one row each, in order of time.

    StoreError for one that does not parse.
    """
    rows = _rows(store, experiment, start, until, progress)
    return pl.DataFrame(rows, SCHEMA, orient="row")


def _rows(store: LogStore, experiment: str, start: Micros, until: Micros, progress: Progress) -> Iterator[Any]:
    for i, stored in enumerate(store.slates(start, until)):
        try:
            slate = log.Slate.FromString(stored.body)
        except DecodeError as error:
            raise StoreError(f"slate {stored.request_id!r} does not parse: the data directory is damaged") from error
        if i % PROGRESS_EVERY == PROGRESS_EVERY - 1:
            progress(PROGRESS_EVERY)
        if not slate.shown:
            continue
        context = slate.context
        candidates = slate.candidate_rows
        yield (
            stored.request_id,
            stored.user_id,
            context.session_id,
            stored.time,
            context.device,
            context.language,
            context.region,
            slate.surface,
            slate.degraded,
            slate.rank_us,
            [candidates[i] for i in slate.shown],
            *_part(slate, experiment),
            _drafted(slate),
        )


def _part(slate: log.Slate, experiment: str) -> tuple[str, bool, bool, str]:
    """(variant, fell back, overridden, unit). A slate of before exposures were logged says the variant alone."""
    for exposure in exposures_of(slate):
        if exposure.experiment == experiment:
            return exposure.assigned, exposure.fell_back, exposure.overridden, exposure.unit
    return slate.variants.get(experiment, ""), False, False, "user"


def _drafted(slate: log.Slate) -> list[str]:
    """Whose pick each shown item is, "" for nobody's: pinned, or wanted by both teams when a coin said whose turn it
    was (its propensity is then 1). Crediting the coin's winner would only add noise, to both alike.
    """
    picks = [0, 0]
    drafted = []
    for team, propensity in zip(slate.teams, slate.propensities, strict=False):  # no teams: not interleaved
        agreed = picks[0] == picks[1] and propensity == 1.0
        drafted.append(slate.team_names[team - 1] if team and not agreed else "")
        if team:
            picks[team - 1] += 1
    return drafted


def diversities(served: pl.DataFrame, category_of: I64) -> F64:
    """How likely two items of a slate, drawn without replacement, are of different categories: (slates,) in 0..1.

    Gini and Simpson's index without bias. `category_of` (catalog rows,) is a code, 0 where unknown; NaN for a slate
    with fewer than two items of known category.
    """
    sizes = served["rows"].list.len().to_numpy().astype(np.int64)
    slate = np.repeat(np.arange(len(sizes)), sizes)
    rows = served["rows"].explode().to_numpy() if len(slate) else np.empty(0, np.int64)
    described = rows < len(category_of)  # an item that was never upserted has no category
    slate, category = slate[described], category_of[rows[described]]
    slate, category = slate[category > 0], category[category > 0]
    width = int(category_of.max(initial=0)) + 1
    _, inverse, counts = np.unique(slate * width + category, return_inverse=True, return_counts=True)
    known = np.bincount(slate, minlength=len(sizes)).astype(np.float64)
    # each item meets counts - 1 others of its own category
    alike = np.bincount(slate, counts[inverse] - 1.0, minlength=len(sizes))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(known > 1, 1.0 - alike / (known * (known - 1.0)), np.nan))
