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
    NO_STORY,
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
from feedrank.kernels import distinct, taken
from feedrank.settings import VIEWS_KEPT_DAYS
from feedrank.state import CODED, NO_SLOT, State, VectorTable
from feedrank.types import DAY, I32, Bools, Context, Micros
from feedrank.user_records import session_key

# Columns of the catalog that `ItemColumns` has as they are.
_TAKEN = (
    *("regions", "listed", "deleted", "published_at", "expires_at", "first_seen", "last_click"),
    *("title_chars", "body_chars", "story", "number"),
)


_KINDS = np.array([POSITIVE, NEGATIVE, QUERY], np.int32)
_NO_SLOTS = np.empty(0, np.int32)


def gather(state: State, candidates: I32, profile: Profile, context: Context, now: Micros, space: str) -> Raw:
    """Raw columns of `candidates` (n,) int32 rows for one user at `now` (whole seconds).

    `space` names the vector space to compare in; "" for none. Candidate rows must exist in the catalog.
    """
    recent = _newest_distinct(profile.engaged_rows[profile.engaged_rows < state.catalog.rows])
    history = HistoryColumns(
        profile.engaged_rows,
        profile.engaged_actions,
        profile.engaged_times,
        profile.engaged_sessions,
        profile.engaged_dwell_s,
        _codes(state, profile.engaged_rows),
        _stories(state, profile.engaged_rows),
    )
    table = state.vectors.get(space)
    items = _items(state, candidates, profile, context, now, table, recent)
    compared = _compared(table, profile)
    # Whether the store still has older views is no business of a feature.
    start = int(np.searchsorted(profile.viewed_times, now - VIEWS_KEPT_DAYS * DAY))
    viewed = profile.viewed_rows[start:]
    views = ViewColumns(
        viewed,
        profile.viewed_times[start:],
        profile.viewed_sessions[start:],
        profile.viewed_places[start:],
        _codes(state, viewed),
    )
    requests = _request(state, profile, context, now, recent)
    return Raw(
        *(items, history, views, compared, requests),
        item_offsets=np.array([0, len(candidates)]),
        history_offsets=np.array([0, len(history.rows)]),
        view_offsets=np.array([0, len(views.rows)]),
        compared_offsets=np.array([0, len(compared.kinds)]),
        table=table,
    )


def _codes(state: State, rows: I32) -> I32:
    """Codes of rows, (n, coded columns); 0 where a user's action is on disk before the fold has reached its item."""
    known = rows < state.catalog.rows
    if known.all():
        return taken([state.catalog.codes], rows)[0]
    return state.catalog.codes[np.where(known, rows, 0)] * known[:, None].astype(np.int32)


def _stories(state: State, rows: I32) -> I32:
    """Stories of rows, (n,), likewise; NO_STORY instead of 0."""
    known, stories = rows < state.catalog.rows, state.catalog.columns["story"]
    if known.all():
        return stories[rows]
    return np.where(known, stories[np.where(known, rows, 0)], np.int32(NO_STORY))


def _newest_distinct(rows: I32) -> I32:
    """The newest CO_HISTORY distinct rows of a history (oldest first), newest first."""
    return distinct(rows[::-1])[:CO_HISTORY]


def _items(
    state: State,
    rows: I32,
    profile: Profile,
    context: Context,
    now: Micros,
    table: VectorTable | None,
    recent: I32,
) -> ItemColumns:
    codes, *columns = taken([state.catalog.codes, *(state.catalog.columns[name] for name in _TAKEN)], rows)
    regional = np.zeros(len(rows))
    region = state.region_names.find(context.region) if context.region else -1
    if region >= 0:
        regional = state.regional.lookup(np.array([region], np.int32), rows, now)[:, 0]
    co_engaged = np.zeros((len(rows), CO_HISTORY))
    co_engaged[:, : len(recent)] = state.co_engaged.lookup(recent, rows, now)
    return ItemColumns(
        rows=rows,
        counts=state.items.read(rows, now),
        category_counts=state.priors["category"].read(codes[:, CODED.index("category")], now),
        subcategory_counts=state.priors["subcategory"].read(codes[:, CODED.index("subcategory")], now),
        codes=codes,
        **dict(zip(_TAKEN, columns, strict=True)),
        regional=regional,
        co_engaged=co_engaged,
        followed=_followed(state, codes, profile),
        slots=np.full(len(rows), NO_SLOT, np.int32) if table is None else table.slots_of(rows),
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


def _compared(table: VectorTable | None, profile: Profile) -> ComparedColumns:
    """The user's newest engagements, hides and searches that have vectors, oldest first within each kind."""
    if table is None:
        nothing = np.empty(0, np.int32)
        return ComparedColumns(nothing, nothing, np.empty((0, 0), np.float32))
    parts = [table.slots_of(profile.engaged_rows[-SIMILARITY_HISTORY:])]
    if len(profile.hidden_rows):
        parts.append(table.slots_of(profile.hidden_rows[-NEGATIVE_HISTORY:]))
    parts = [slots[slots != NO_SLOT] for slots in parts]
    queries = profile.query_vectors
    if len(queries) and queries.shape[1] == table.dimensions:
        parts += [_NO_SLOTS] * (QUERY - len(parts)) + [np.full(len(queries), NO_SLOT, np.int32)]
    else:
        queries = np.empty((0, table.dimensions), np.float32)
    slots = parts[POSITIVE] if len(parts) == 1 else np.concatenate(parts)
    return ComparedColumns(np.repeat(_KINDS[: len(parts)], [len(part) for part in parts]), slots, queries)


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
