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
from feedrank.store import LogStore
from feedrank.types import F32, F64, HOUR, SECOND, Action, Bools, UserId

INTEREST_HISTORY = 60  # newest engagements that shape interests
INTEREST_HALF_LIFE_HOURS = 96.0
NEGATIVES = 20
QUERY_WITHIN_HOURS = 24.0  # a search is a short-term interest
QUERIES = 2  # newest searches that become interests of their own

ACTION_WEIGHT = {Action.CLICK: 1.0, Action.LIKE: 2.0, Action.SAVE: 2.0, Action.SHARE: 2.5}
_WEIGHT_OF = np.array([ACTION_WEIGHT.get(Action(a), 1.0) if a in set(Action) else 1.0 for a in range(max(Action) + 1)])
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
        with self.lock:
            near = near_vectors(self.state, known, self.space)
        return Reader(known, interests_of(near, known, query.now, self.interests), read.position)


@dataclass(frozen=True, slots=True)
class NearVectors:
    """Vectors of what a user engaged with and hid, newest last; `dimensions` 0 where the space does not exist."""

    liked: F32  # (m, d)
    has: Bools  # (e,) which of the newest INTEREST_HISTORY engagements have one
    hidden: F32  # (x, d)
    dimensions: int


def near_vectors(state: State, known: Profile, space: str) -> NearVectors:
    """Copies a user's vectors out of item state; a live caller holds the fold's lock."""
    table = state.vectors.get(space)
    if table is None:
        none = np.empty((0, 0), np.float32)
        return NearVectors(none, np.zeros(len(known.engaged_rows[-INTEREST_HISTORY:]), np.bool_), none, 0)
    liked, has = table.gather(known.engaged_rows[-INTEREST_HISTORY:])
    hidden, hidden_has = table.gather(known.hidden_rows[-NEGATIVES:])
    return NearVectors(liked[has], has, hidden[hidden_has], table.dimensions)


def interests_of(near: NearVectors, known: Profile, now: int, interests: Interests) -> F32:
    """A user's interest vectors (k, d), unit length: clusters of what they engaged with, then their recent searches."""
    parts = []
    if near.has.any():
        weights = engagement_weights(known, now)[-INTEREST_HISTORY:][near.has]
        parts.append(interests(near.liked, weights, near.hidden, np.ones(len(near.hidden))))
    if near.dimensions and len(known.query_times) and known.query_vectors.shape[1] == near.dimensions:
        recent = known.query_times > now - QUERY_WITHIN_HOURS * HOUR
        parts.append(known.query_vectors[recent][-QUERIES:])
    return np.concatenate(parts) if parts else np.empty((0, near.dimensions), np.float32)


def engagement_weights(known: Profile, now: int) -> F64:
    """How much each engagement says of what the user wants now, (e,): recency x action x how well it was read."""
    hours = np.maximum(now - known.engaged_times, 0) / SECOND / 3600.0
    dwell = known.engaged_dwell_s
    read = np.where(np.isnan(dwell), 0.75, 0.5 + 0.5 * np.minimum(dwell, GOOD_READ_S) / GOOD_READ_S)
    weights = np.exp2(-hours / INTEREST_HALF_LIFE_HOURS) * _WEIGHT_OF[known.engaged_actions] * read
    return np.asarray(weights, np.float64)
