"""Why an item stands where it does: contributions that sum to its score, and a few short reasons for people.

Contributions are the scorer's own (SHAP for trees: Lundberg, Lee, NeurIPS 2017) plus one term a rule. Reasons name only
what a person can check: an article they read, a trend, someone they follow. Knows nothing of transport or of where
titles are kept.
"""

from collections.abc import Callable, Sequence

import numpy as np

from feedrank.kernels import products
from feedrank.pipeline.executor import Outcome
from feedrank.pipeline.feed import Contribution, Explanation
from feedrank.pipeline.stages import Scorer
from feedrank.state import CODED, NO_SLOT, Count, State
from feedrank.types import HOUR, I64

EXPLAINED = 20  # items of a feed; SHAP costs milliseconds an item
ALIKE = 0.45  # cosine above which "because you read" is honest
NEW_HOURS = 6.0
READ_TOGETHER = 0.1  # co-engagement cosine above which readers overlap noticeably

Titles = Callable[[Sequence[int]], list[str]]  # catalog rows -> titles, "" where there is none


def explain(outcome: Outcome, scorer: Scorer, state: State, titles: Titles) -> list[Explanation]:
    """Explanations of the first `EXPLAINED` places, in order."""
    order = outcome.selection.order[:EXPLAINED].astype(np.int64)
    if not len(order):
        return []
    reasons = _reasons(outcome, state, order, titles)
    if any(reason.startswith("scorer:") for reason in outcome.degraded):
        return [_fallback(outcome, int(i), mine) for i, mine in zip(order, reasons, strict=True)]
    table = scorer.contributions(outcome.rows[order])
    return [
        Explanation(
            (
                *(
                    Contribution(name, float(outcome.rows[i, j]), float(table[k, j]))
                    for j, name in enumerate(scorer.features)
                ),
                *_rule_terms(outcome, int(i)),
            ),
            float(table[k, -1]),
            reasons[k],
        )
        for k, i in enumerate(order)
    ]


def _rule_terms(outcome: Outcome, i: int) -> list[Contribution]:
    columns = outcome.scores.columns
    return [
        Contribution(name, 1.0, float(column[i]))
        for name, column in columns.items()
        if name.startswith("rule:") and column[i] != 0.0
    ]


def _fallback(outcome: Outcome, i: int, reasons: tuple[str, ...]) -> Explanation:
    fused = Contribution("fused", 1.0, float(outcome.scores.columns["fused"][i]))
    return Explanation((fused, *_rule_terms(outcome, i)), 0.0, reasons)


def _reasons(outcome: Outcome, state: State, order: I64, titles: Titles) -> list[tuple[str, ...]]:
    because = _because(outcome, state, order)
    wanted = sorted({row for row, _ in because.values()})
    title_of = dict(zip(wanted, titles(wanted), strict=True)) if wanted else {}
    return [tuple(_of_item(outcome, state, int(i), because.get(int(i)), title_of))[:3] for i in order]


def _of_item(
    outcome: Outcome, state: State, i: int, because: tuple[int, str] | None, title_of: dict[int, str]
) -> list[str]:
    items, sources = outcome.raw.items, outcome.candidates.sources
    brought = {sources[s] for s in np.flatnonzero(outcome.candidates.ranks[i] >= 0)}
    words = {name: state.catalog.vocabularies[name].words[items.codes[i, k]] for k, name in enumerate(CODED)}
    out: list[str] = []
    if "pinned" in brought:
        out.append("picked by the editors")
    for k, column in enumerate(("author", "category", "source")):
        if items.followed[i, k]:
            out.append(
                f"new from {words[column]}, which you follow" if column != "category" else f"you follow {words[column]}"
            )
    if because is not None and title_of.get(because[0]):
        row, kind = because
        out.append(
            f"because you read “{title_of[row]}”" if kind == "text" else f"readers of “{title_of[row]}” also read this"
        )
    if "trending" in brought:
        region = outcome.query.context.region
        here = region and items.regional[i] > 0
        where = region if here else words["category"]
        out.append(f"trending in {where}" if where else "trending now")
    age = (outcome.query.now - int(items.published_at[i])) / HOUR
    if items.published_at[i] > 0 and age <= NEW_HOURS:
        out.append("just published")
    return out


def _because(outcome: Outcome, state: State, order: I64) -> dict[int, tuple[int, str]]:
    """For each explained candidate, the read item that best accounts for it, and whether by "text" or "readers"."""
    items, profile = outcome.raw.items, outcome.reader.profile
    engaged = profile.engaged_rows[profile.engaged_rows < state.catalog.rows][-50:]
    out: dict[int, tuple[int, str]] = {}
    if not len(engaged):
        return out
    backwards = engaged[::-1]
    _, first = np.unique(backwards, return_index=True)
    recent = backwards[np.sort(first)[: items.co_engaged.shape[1]]]
    totals = outcome.raw.requests.co_totals[0]
    for i in order.tolist():
        own = float(items.counts[i, Count.CLICKS, -1] + items.counts[i, Count.READS, -1])
        together = items.co_engaged[i, : len(recent)] / np.sqrt((totals[: len(recent)] + 1.0) * (own + 1.0))
        if together.max() > READ_TOGETHER:
            out[i] = (int(recent[np.argmax(together)]), "readers")
    table = outcome.raw.table
    if table is not None:
        theirs, has = table.gather(engaged)
        cosines = products(table.values, theirs, items.slots[order])
        cosines[:, ~has] = -1.0
        for k, i in enumerate(order.tolist()):
            if cosines[k].max() >= ALIKE and items.slots[i] != NO_SLOT:
                out[i] = (int(engaged[np.argmax(cosines[k])]), "text")
    return out
