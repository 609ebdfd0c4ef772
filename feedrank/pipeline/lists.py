"""Ordered lists every request shares: what trends, what is new. Made aside every second or so, then only read.

`build` reads counters without the fold's lock: a count that moves meanwhile shifts a list by one event, and lists are
no features. Knows nothing of any user.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from feedrank.state import CODED, NEVER, Count, State
from feedrank.types import DAY, F32, F64, HOUR, I32, I64, SECOND, Bools, Micros

TRENDING_KEPT = 1_000  # overall; twice what a feed without any other source needs
TRENDING_PER_GROUP = 200  # a category
NEWEST_KEPT = 20_000  # what `followed` searches: weeks of a large publisher
PRIOR_VIEWS = 20.0
TRENDS_FOR: Micros = 7 * DAY  # 28 half-lives of 6 h: what is left of a read by then is less than a hair of newness
IDLE: Micros = 2 * DAY  # longer than any weekend night without a reader, shorter than news stays news
# How much more a read counts at the 1 h half-life than at 6 h. On two publishers recall of the next click rises with it
# at every depth (docs/retrieval.md); the 6 h count beneath steadies small sites, where an hour holds a read or two.
BREAKING = 20.0
_HOUR, _SIX_HOURS, _DAY = 0, 1, 2  # half-life indices


@dataclass(frozen=True, slots=True)
class SharedLists:
    """Rows, best first, with scores. Built for one instant, which is the present unless the log stands still."""

    built_at: Micros
    idle: bool  # the log has stood still for `IDLE`: feeds are ranked as of `built_at`
    trending: I32  # (t,)
    trend: F32  # (t,)
    by_category: Mapping[int, I32]
    newest: I32  # (w,) newest first
    newest_at: I64  # (w,) when each appeared
    newest_codes: I32  # (w, len(CODED))


def ranking_time(state: State, now: Micros) -> Micros:
    """The instant feeds are ranked as of: `now`, or, once the log stood still for `IDLE`, the time of its last record.

    So a store imported from an archive serves what was trending and read together when its log ended, and a live one
    that went quiet does not forget what people read before the quiet.
    """
    rows = state.catalog.rows
    if not rows:
        return now
    first_seen = state.catalog.columns["first_seen"][:rows]
    sighted = np.where(first_seen == NEVER, 0, first_seen)
    newest = max(int(sighted.max()), int(state.catalog.columns["last_click"][:rows].max()))
    return now if newest <= 0 or now - newest <= IDLE else -(-newest // SECOND) * SECOND + SECOND


def build(state: State, clock: Micros, serve_unlisted: bool, top_categories: int = 50) -> SharedLists:
    """Shared lists over all servable items as of `ranking_time(state, clock)`.

    What nobody has read for `TRENDS_FOR` trends by newness alone, so that a catalog of a million costs some twenty
    passes over columns, and only what is read now is scored and sorted.
    """
    now = ranking_time(state, clock)
    columns, rows = state.catalog.columns, state.catalog.rows
    first_seen, published = columns["first_seen"][:rows], columns["published_at"][:rows]
    appeared = np.where(published > 0, published, np.where(first_seen == NEVER, 0, first_seen))
    candidates = np.flatnonzero(_servable(state, appeared, clock, serve_unlisted)).astype(np.int32)
    newest = _newest(candidates, appeared[candidates])
    read = columns["last_click"][candidates] > now - TRENDS_FOR
    active = candidates[read]
    trend = trend_scores(state, active, now)
    order = np.argsort(-trend, kind="stable")
    active, trend = active[order], trend[order]
    quiet = newest[columns["last_click"][newest] <= now - TRENDS_FOR]
    ranked = np.concatenate([active, quiet])
    categories = columns["category"][ranked]
    sizes = np.bincount(columns["category"][candidates], minlength=1)
    largest = [int(c) for c in np.argsort(-sizes, kind="stable")[:top_categories] if c > 0 and sizes[c] > 0]
    return SharedLists(
        now,
        now != clock,
        ranked[:TRENDING_KEPT],
        np.concatenate([trend, _newness(state, quiet, now)])[:TRENDING_KEPT].astype(np.float32),
        {c: ranked[categories == c][:TRENDING_PER_GROUP] for c in largest},
        newest,
        appeared[newest],
        np.stack([columns[name][newest] for name in CODED], axis=1)
        if len(newest)
        else np.empty((0, len(CODED)), np.int32),
    )


def _servable(state: State, appeared: I64, clock: Micros, serve_unlisted: bool) -> Bools:
    """Which rows may be served at `clock`, (rows,)."""
    columns, rows = state.catalog.columns, state.catalog.rows
    expires = columns["expires_at"][:rows]
    # A row no record names any more, as after an erasure, has no id to be served under.
    servable: Bools = ~columns["deleted"][:rows] & (columns["first_seen"][:rows] != NEVER)
    servable &= ((expires == 0) | (expires > clock)) & (appeared <= clock)
    return servable if serve_unlisted else servable & columns["listed"][:rows]


def _newest(rows: I32, appeared: I64) -> I32:
    """The newest `NEWEST_KEPT` of `rows` by when each appeared (n,), newest first."""
    if len(rows) > 2 * NEWEST_KEPT:  # a full sort of a million takes longer than all else here
        latest = np.sort(np.argpartition(appeared, len(rows) - NEWEST_KEPT)[len(rows) - NEWEST_KEPT :])
        rows, appeared = rows[latest], appeared[latest]
    return rows[np.argsort(-appeared, kind="stable")[:NEWEST_KEPT]]


def trend_scores(state: State, rows: I32, now: Micros) -> F64:
    """How strongly items trend, (n,): recent volume times how much better than average they convert.

    Volume is clicks and reads at 6 h half-life and, `BREAKING` times, at 1 h; conversion the smoothed CTR at 24 h over
    everything's. An item nobody was shown has conversion 1, so that logs of clicks alone still trend. Ties, above all
    at zero, go to the newer item by a hair.
    """
    if not len(rows):
        return np.empty(0)
    counts = state.items.read(rows, now)
    overall = state.overall.read(np.zeros(1, np.int32), now)[0]
    mean = (overall[Count.CLICKS, _DAY] + 1.0) / (overall[Count.VIEWS, _DAY] + 10.0)
    ctr = (counts[:, Count.CLICKS, _DAY] + PRIOR_VIEWS * mean) / (counts[:, Count.VIEWS, _DAY] + PRIOR_VIEWS)
    reads = counts[:, Count.CLICKS] + counts[:, Count.READS]
    volume = BREAKING * reads[:, _HOUR] + reads[:, _SIX_HOURS]
    score: F64 = volume * ctr / mean + _newness(state, rows, now)
    return score


def _newness(state: State, rows: I32, now: Micros) -> F64:
    """What decides where nobody reads, (n,)."""
    appeared = np.maximum(state.catalog.columns["published_at"][rows], 0)
    newness: F64 = 1e-6 / (1.0 + np.maximum(now - appeared, 0) / HOUR)
    return newness
