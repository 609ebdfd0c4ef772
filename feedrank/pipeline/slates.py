"""The slate of a request: what was served, and all that is needed to rebuild every feature row of it.

Knows nothing of where slates are kept.
"""

import numpy as np

from feedrank.experiments.exposures import logged, variants_of
from feedrank.pipeline.executor import Outcome
from feedrank.types import I64
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


def slate_of(
    outcome: Outcome,
    features: tuple[str, ...],
    model_version: str,
    rules_hash: bytes,
    experiments_hash: bytes,
    recipe_hash: bytes,
) -> log.Slate:
    """The slate's log form."""
    query, context = outcome.query, outcome.query.context
    order = outcome.selection.order.astype(np.int64)
    sampled = sample_unshown(outcome)
    kept = np.concatenate([order, sampled])
    unshown = len(outcome.candidates.rows) - len(order)
    bits = (outcome.candidates.ranks >= 0) @ (1 << np.arange(len(outcome.candidates.sources)))
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
        state_position=outcome.state_position,
        history_position=outcome.reader.position,
        candidate_rows=outcome.candidates.rows.tolist(),
        candidate_sources=bits.tolist(),
        source_names=outcome.candidates.sources,
        shown=order.tolist(),
        propensities=outcome.selection.propensities.tolist(),
        sampled=sampled.tolist(),
        sampling_probability=len(sampled) / unshown if unshown else 0.0,
        feature_names=features,
        feature_rows=np.ascontiguousarray(outcome.rows[kept], "<f4").tobytes(),
        scores=outcome.scores.final[kept].tolist(),
        model_version=model_version,
        variants=variants_of(query.exposures),
        rules_hash=rules_hash,
        experiments_hash=experiments_hash,
        recipe_hash=recipe_hash,
        degraded=bool(outcome.degraded),
        vector_space=outcome.space,
        exposures=logged(query.exposures),
        teams=outcome.selection.teams.tolist(),
        team_names=outcome.selection.team_names,
    )
