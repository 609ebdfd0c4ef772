"""What each stage of a request did with one item: kept, dropped, moved or absent, and why."""

import numpy as np

from feedrank.pipeline.executor import Outcome
from feedrank.pipeline.feed import StageTrace
from feedrank.types import F64, Row


def trace(outcome: Outcome, row: Row | None, filters: tuple[str, ...]) -> tuple[StageTrace, ...]:
    """The item's way through the stages, in order. `row` is None for an id the log has never named."""
    if row is None:
        return (StageTrace("catalog", "absent", "no record has ever named this item"),)
    found = np.flatnonzero(outcome.retrieved.rows == row)
    if not len(found):
        return (StageTrace("catalog", "kept", "known"), StageTrace("sources", "absent", "no source brought it"))
    ranks = outcome.retrieved.ranks[found[0]]
    places = ", ".join(
        f"{name} at {rank + 1}" for name, rank in zip(outcome.retrieved.sources, ranks, strict=True) if rank >= 0
    )
    steps = [StageTrace("catalog", "kept", "known"), StageTrace("sources", "kept", f"brought by {places}")]
    dropping = outcome.dropped_by.get(row)
    for name in filters:
        if name == dropping:
            return (*steps, StageTrace(f"filter:{name}", "dropped", f"the {name} filter dropped it"))
        steps.append(StageTrace(f"filter:{name}", "kept", ""))
    i = int(np.flatnonzero(outcome.candidates.rows == row)[0])
    by_score = _place(outcome.scores.final, i)
    terms = [
        f"{n} {float(c[i]):+.3f}" for n, c in outcome.scores.columns.items() if n.startswith("rule:") and c[i] != 0
    ]
    detail = f"score {float(outcome.scores.final[i]):.4f}, place {by_score} of {len(outcome.candidates.rows)} by score"
    steps.append(StageTrace("scorer", "kept", "; ".join([detail, *terms])))
    standing = np.flatnonzero(outcome.selection.order == i)
    first = len(outcome.query.served_before) + 1
    if not len(standing):
        steps.append(StageTrace("selector", "dropped", f"not among the {len(outcome.selection.order)} places"))
        return tuple(steps)
    position = int(standing[0]) + first
    propensity = float(outcome.selection.propensities[standing[0]])
    how = f", drawn with propensity {propensity:.3g}" if propensity < 1.0 else ""
    verdict = "kept" if position - first + 1 == by_score else "moved"
    steps.append(StageTrace("selector", verdict, f"position {position}, place {by_score} by score{how}"))
    return tuple(steps)


def _place(scores: F64, i: int) -> int:
    """1-based place of candidate i in the selector's stable order by score."""
    return int((scores > scores[i]).sum() + (scores[:i] == scores[i]).sum()) + 1
