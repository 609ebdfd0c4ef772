"""The slate of a request: what was served, and all that is needed to rebuild every feature row of it.

A request takes what its slate says (`served`); the slate itself is made behind the reply. Knows nothing of where slates
are kept.
"""

from dataclasses import dataclass

import numpy as np

from feedrank.experiments.exposures import logged, variants_of
from feedrank.pipeline.executor import Outcome
from feedrank.pipeline.stages import Query, Selection
from feedrank.types import F32, F64, I32, I64
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import log_pb2 as log

UNSHOWN_KEPT = 20  # unshown candidates whose feature rows are kept, as negatives for training
_SAMPLING_STREAM = 1  # keeps the sample's randomness apart from the selector's


def sample_unshown(outcome: Outcome) -> I64:
    """Indices of up to `UNSHOWN_KEPT` unshown scored candidates, uniform without replacement, ascending."""
    shown = np.zeros(len(outcome.candidates.rows), np.bool_)
    shown[outcome.selection.order] = True
    unshown = np.flatnonzero(~shown)
    rng = np.random.default_rng([outcome.query.seed, _SAMPLING_STREAM])
    return np.sort(rng.choice(unshown, size=min(UNSHOWN_KEPT, len(unshown)), replace=False))


@dataclass(frozen=True, slots=True)
class Served:
    """What a slate says of an outcome, in columns of its own: it holds nothing else of one, so many may wait."""

    query: Query
    state_position: int
    history_position: int
    candidates: I32  # (n,) rows
    sources: I64  # (n,) a bit for each source that brought one
    source_names: tuple[str, ...]
    selection: Selection
    sampled: I64  # (s,) of the unshown
    features: F32  # (shown + s, features), the shown ones first
    scores: F64  # (shown + s,)
    degraded: bool
    space: str


def served(outcome: Outcome) -> Served:
    """Takes from an outcome what its slate will say."""
    order, candidates = outcome.selection.order, outcome.candidates
    sampled = sample_unshown(outcome)
    kept = np.concatenate([order, sampled])
    return Served(
        outcome.query,
        outcome.state_position,
        outcome.reader.position,
        candidates.rows,
        (candidates.ranks >= 0) @ (1 << np.arange(len(candidates.sources))),
        candidates.sources,
        outcome.selection,
        sampled,
        np.ascontiguousarray(outcome.rows[kept], "<f4"),
        outcome.scores.final[kept],
        bool(outcome.degraded),
        outcome.space,
    )


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made a slate, its model and that one's columns and hashes of the rest, and in what time."""

    features: tuple[str, ...]
    model_version: str
    rules_hash: bytes
    experiments_hash: bytes
    recipe_hash: bytes
    rank_us: int = 0  # from the request's arrival on; 0: not known


def slate_of(what: Served, made_by: Provenance) -> log.Slate:
    """The slate's log form."""
    query, context, selection = what.query, what.query.context, what.selection
    unshown = len(what.candidates) - len(selection.order)
    return log.Slate(
        request_id=query.request_id,
        user_id=query.user_id,
        surface=query.surface,
        context=pb.Context(
            language=context.language,
            country=context.country,
            region=context.region,
            device=context.device,
            session_id=context.session_id,
        ),
        now_us=query.now,
        seed=query.seed,
        state_position=what.state_position,
        history_position=what.history_position,
        candidate_rows=what.candidates.tolist(),
        candidate_sources=what.sources.tolist(),
        source_names=what.source_names,
        shown=selection.order.tolist(),
        propensities=selection.propensities.tolist(),
        sampled=what.sampled.tolist(),
        sampling_probability=len(what.sampled) / unshown if unshown else 0.0,
        feature_names=made_by.features,
        feature_rows=what.features.tobytes(),
        scores=what.scores.tolist(),
        model_version=made_by.model_version,
        variants=variants_of(query.exposures),
        rules_hash=made_by.rules_hash,
        experiments_hash=made_by.experiments_hash,
        recipe_hash=made_by.recipe_hash,
        degraded=what.degraded,
        vector_space=what.space,
        exposures=logged(query.exposures),
        teams=selection.teams.tolist(),
        team_names=selection.team_names,
        rank_us=made_by.rank_us,
    )
