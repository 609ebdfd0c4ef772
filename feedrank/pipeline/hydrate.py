"""Hydration: reads what is known of a request's user, and makes their interest vectors. The one stage that does I/O.

A query without user id reads nothing: it gets the unknown user's profile. Knows nothing of candidates.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from feedrank import history as user_history
from feedrank.history import NO_HISTORY, Profile, profile
from feedrank.pipeline.stages import Query, Reader
from feedrank.state import State
from feedrank.state.vectors import VectorTable
from feedrank.store import LogStore
from feedrank.types import F32, F64, HOUR, SECOND, Action, Micros, UserId

INTEREST_HISTORY = 60  # newest engagements that shape interests
INTEREST_HALF_LIFE_HOURS = 96.0
NEGATIVES = 20
QUERY_WITHIN_HOURS = 24.0  # a search is a short-term interest
QUERIES = 2  # newest searches that become interests of their own

ACTION_WEIGHT = {Action.CLICK: 1.0, Action.LIKE: 2.0, Action.SAVE: 2.0, Action.SHARE: 2.5}
GOOD_READ_S = 60.0

Interests = Callable[[F32, F64, F32, F64], F32]  # vectors, weights, negatives, their weights -> (k, d)


@dataclass(frozen=True, slots=True)
class Hydrator:
    """Reads users from the store; interests come from the vectors in item state, under the fold's lock."""

    store: LogStore
    state: State
    lock: threading.Lock
    space: str
    interests: Interests

    def __call__(self, query: Query) -> Reader:
        """The query's reader. Unknown users and unpersonalised queries get an empty one, at position 0."""
        if not query.user_id:
            return Reader(profile(NO_HISTORY, ""), np.empty((0, 0), np.float32), 0)
        read = self.store.user_history(UserId(query.user_id))
        known = profile(user_history.apply(NO_HISTORY, read.records), self.space)
        return Reader(known, self._interests(known, query.now), read.position)

    def _interests(self, known: Profile, now: Micros) -> F32:
        return interests_of(known, now, self.state.vectors.get(self.space), self.lock, self.interests)


def interests_of(
    known: Profile, now: Micros, table: VectorTable | None, lock: threading.Lock, interests: Interests
) -> F32:
    """The interest vectors of a profile at `now`, (k, d) unit length; `table` is read under the fold's `lock`."""
    if table is None:
        return np.empty((0, 0), np.float32)
    with lock:
        liked, has = table.gather(known.engaged_rows[-INTEREST_HISTORY:])
        hidden, hidden_has = table.gather(known.hidden_rows[-NEGATIVES:])
    parts = []
    if has.any():
        weights = engagement_weights(known, now)[-INTEREST_HISTORY:][has]
        negatives = hidden[hidden_has]
        parts.append(interests(liked[has], weights, negatives, np.ones(len(negatives))))
    if len(known.query_times) and known.query_vectors.shape[1] == table.dimensions:
        recent = known.query_times > now - QUERY_WITHIN_HOURS * HOUR
        parts.append(known.query_vectors[recent][-QUERIES:])
    return np.concatenate(parts) if parts else np.empty((0, table.dimensions), np.float32)


def engagement_weights(known: Profile, now: int) -> F64:
    """How much each engagement says of what the user wants now, (e,): recency x action x how well it was read."""
    hours = np.maximum(now - known.engaged_times, 0) / SECOND / 3600.0
    action = np.array([ACTION_WEIGHT.get(Action(a), 1.0) for a in known.engaged_actions.tolist()])
    dwell = known.engaged_dwell_s
    read = np.where(np.isnan(dwell), 0.75, 0.5 + 0.5 * np.minimum(dwell, GOOD_READ_S) / GOOD_READ_S)
    weights = np.exp2(-hours / INTEREST_HALF_LIFE_HOURS) * action * read
    return np.asarray(weights, np.float64)
