"""`gather`: copies raw columns of a request's candidates out of item state, as of an instant.

The only reader of counters on the request path; a live caller holds the fold's lock around it, so that all columns are
of one log position. Every value of a candidate depends on that candidate and the user alone, never on the other
candidates. Knows nothing of feature definitions, files or clocks.
"""

import numpy as np

from feedrank.features.raw import (
    CO_HISTORY,
    DEVICES,
    NEGATIVE,
    NEGATIVE_HISTORY,
    POSITIVE,
    QUERY,
    SIMILARITY_HISTORY,
    ComparedColumns,
    HistoryColumns,
    ItemColumns,
    Raw,
    RequestColumns,
    ViewColumns,
)
from feedrank.history import Profile
from feedrank.kernels import distinct
from feedrank.settings import VIEWS_KEPT_DAYS
from feedrank.state import CODED, State
from feedrank.types import DAY, F16, F32, I32, I64, Bools, Context, Micros
from feedrank.user_records import session_key


def gather(state: State, candidates: I32, profile: Profile, context: Context, now: Micros, space: str) -> Raw:
    """Raw columns of `candidates` (n,) int32 rows for one user at `now` (whole seconds).

    `space` names the vector space to compare in; "" for none. Candidate rows must exist in the catalog.
    """
    # A user's action may be on disk before the fold has reached the item it names.
    known = profile.engaged_rows < state.catalog.rows
    recent = _newest_distinct(profile.engaged_rows[known])
    history = HistoryColumns(
        profile.engaged_rows,
        profile.engaged_actions,
        profile.engaged_times,
        profile.engaged_sessions,
        profile.engaged_dwell_s,
        _codes(state, np.where(known, profile.engaged_rows, 0)) * known[:, None].astype(np.int32),
    )
    items = _items(state, candidates, profile, context, now, space, recent)
    compared = _compared(state, profile, space)
    # Whether the store still has older views is no business of a feature.
    start = int(np.searchsorted(profile.viewed_times, now - VIEWS_KEPT_DAYS * DAY))
    viewed = profile.viewed_rows[start:]
    named = viewed < state.catalog.rows
    views = ViewColumns(
        viewed,
        profile.viewed_times[start:],
        profile.viewed_sessions[start:],
        _codes(state, np.where(named, viewed, 0)) * named[:, None].astype(np.int32),
    )
    requests = _request(state, profile, context, now, recent)
    sizes = (len(candidates), len(history.rows), len(views.rows), len(compared.times))
    return Raw(items, history, views, compared, requests, *(np.array([0, size]) for size in sizes))


def _codes(state: State, rows: I32) -> I32:
    codes = np.empty((len(rows), len(CODED)), np.int32)
    at = rows.astype(np.int64)
    for k, name in enumerate(CODED):
        codes[:, k] = state.catalog.columns[name][at]
    return codes


def _newest_distinct(rows: I32) -> I32:
    """The newest CO_HISTORY distinct rows of a history (oldest first), newest first."""
    return distinct(rows[::-1])[:CO_HISTORY]


def _items(
    state: State, rows: I32, profile: Profile, context: Context, now: Micros, space: str, recent: I32
) -> ItemColumns:
    columns, at = state.catalog.columns, rows.astype(np.int64)  # NumPy's own index: another is slow to read by
    codes = _codes(state, rows)
    regional = np.zeros(len(rows))
    region = state.region_names.find(context.region) if context.region else -1
    if region >= 0:
        regional = state.regional.lookup(np.array([region], np.int32), rows, now)[:, 0]
    co_engaged = np.zeros((len(rows), CO_HISTORY))
    co_engaged[:, : len(recent)] = state.co_engaged.lookup(recent, rows, now)
    vectors, has_vector = _vectors(state, rows, space)
    return ItemColumns(
        rows,
        state.items.read(rows, now),
        state.priors["category"].read(codes[:, CODED.index("category")], now),
        state.priors["subcategory"].read(codes[:, CODED.index("subcategory")], now),
        codes,
        columns["regions"][at],
        columns["listed"][at],
        columns["deleted"][at],
        columns["published_at"][at],
        columns["expires_at"][at],
        columns["first_seen"][at],
        columns["last_click"][at],
        columns["title_chars"][at],
        columns["body_chars"][at],
        columns["story"][at],
        columns["number"][at],
        regional,
        co_engaged,
        _followed(state, codes, profile),
        vectors,
        has_vector,
    )


def _followed(state: State, codes: I32, profile: Profile) -> Bools:
    out = np.zeros((len(codes), 3), np.bool_)
    for k, name in enumerate(("author", "category", "source")):
        prefix = name + ":"
        wanted = [
            state.catalog.vocabularies[name].find(t.removeprefix(prefix))
            for t in profile.follows
            if t.startswith(prefix)
        ]
        if wanted:
            out[:, k] = np.isin(codes[:, CODED.index(name)], wanted)
    return out


def _vectors(state: State, rows: I32, space: str) -> tuple[F16, Bools]:
    table = state.vectors.get(space)
    if table is None:
        return np.empty((len(rows), 0), np.float16), np.zeros(len(rows), np.bool_)
    return table.halves(rows)


def _compared(state: State, profile: Profile, space: str) -> ComparedColumns:
    """Vectors of the user's newest engagements, newest hides and searches, oldest first within each kind."""
    table = state.vectors.get(space)
    if table is None:
        return ComparedColumns(np.empty((0, 0), np.float32), np.empty(0, np.int64), np.empty(0, np.int32))
    parts: list[tuple[F32, I64, int]] = []
    for rows, times, kept, kind in (
        (profile.engaged_rows, profile.engaged_times, SIMILARITY_HISTORY, POSITIVE),
        (profile.hidden_rows, profile.hidden_times, NEGATIVE_HISTORY, NEGATIVE),
    ):
        values, has = table.gather(rows[-kept:])
        parts.append((values[has], times[-kept:][has], kind))
    if len(profile.query_times) and profile.query_vectors.shape[1] == table.dimensions:
        parts.append((profile.query_vectors, profile.query_times, QUERY))
    return ComparedColumns(
        np.concatenate([values for values, _, _ in parts]),
        np.concatenate([times for _, times, _ in parts]),
        np.repeat([kind for _, _, kind in parts], [len(times) for _, times, _ in parts]).astype(np.int32),
    )


def _request(state: State, profile: Profile, context: Context, now: Micros, recent: I32) -> RequestColumns:
    co_totals = np.zeros((1, CO_HISTORY))
    if len(recent):
        co_totals[0, : len(recent)] = state.engagements(recent, now)
    device = DEVICES.index(context.device) if context.device in DEVICES else -1
    return RequestColumns(
        np.array([now]),
        state.overall.read(np.zeros(1, np.int32), now),
        co_totals,
        np.array([session_key(context.session_id)]),
        np.array([device], np.int32),
        np.array([state.catalog.vocabularies["language"].find(context.language)], np.int32),
        np.array([len(profile.follows)], np.int32),
        np.array([len(profile.search_times)], np.int32),
    )
