"""SimilarItems: items that readers of one item also read, and items whose text is near to it.

Knows nothing of any user.
"""

import numpy as np

from feedrank.errors import UnknownItem
from feedrank.features import gather
from feedrank.history import NO_HISTORY, profile
from feedrank.pipeline.feed import SimilarItem
from feedrank.pipeline.filters import StoryFilter
from feedrank.pipeline.sources.similar import neighbours
from feedrank.pipeline.stages import Query, Reader, RequestFilter
from feedrank.serving.view import View
from feedrank.types import Context, Micros

SPARE = 50  # fetched beyond the limit, for what filters drop
TEXT_WEIGHT = 0.5  # of the text's cosine beside that of readers: both lie in 0..1
_SKIPPED = ("seen", "hidden", "served", "excluded", "story")  # filters of a user's feed, not of an item's neighbours


def similar_items(
    view: View, item_id: str, limit: int, asked: RequestFilter, context: Context, clock: Micros
) -> tuple[SimilarItem, ...]:
    """Up to `limit` items, best first. UnknownItem for an id the log has never named.

    Scores add the cosine of readers and half the cosine of text. Of one story only the newest is returned, and none of
    the item's own.
    """
    live = view.live
    now = view.now(clock)
    catalog = live.state.catalog
    row = catalog.row_of.get(item_id)
    if row is None:
        raise UnknownItem(f"item_id {item_id!r} was never upserted nor named by an event; check the id")
    seed = np.array([row], np.int32)
    query = Query("", "", limit, now, 0, context=context, filter=asked, clock=clock)
    reader = Reader(profile(NO_HISTORY, ""), np.empty((0, 0), np.float32), 0)
    with live.lock:
        read_rows, read_scores = neighbours(live.state, seed, now)
        space = view.pipeline.space
        table = live.state.vectors.get(space)
        vector, has = table.gather(seed) if table is not None else (np.empty((1, 0), np.float32), np.zeros(1, np.bool_))
    best = np.argsort(-read_scores, kind="stable")[: 2 * limit + SPARE]
    found: dict[int, list[float]] = {int(read_rows[i]): [float(read_scores[i]), 0.0] for i in best}
    if has[0] and space in live.indices:
        rows, cosines = live.indices[space].view.search(vector, 2 * limit + SPARE)
        for near, cosine in zip(rows[0].tolist(), cosines[0].tolist(), strict=True):
            if near >= 0:
                found.setdefault(near, [0.0, 0.0])[1] = max(cosine, 0.0)
    found.pop(row, None)
    if not found:
        return ()
    rows = np.fromiter(found, np.int32)
    with live.lock:
        raw = gather(live.state, rows, reader.profile, context, now, "")
    keep = raw.items.story != catalog.columns["story"][row]
    for each in view.pipeline.filters:
        if each.name not in _SKIPPED:
            keep &= each.keep(query, reader, raw)
    kept = np.flatnonzero(keep)
    if not len(kept):
        return ()
    kept = kept[StoryFilter().keep(query, reader, raw.take(kept))]
    scores = np.array([found[int(rows[i])][0] + TEXT_WEIGHT * found[int(rows[i])][1] for i in kept])
    order = np.argsort(-scores, kind="stable")[:limit]
    return tuple(_similar(catalog.ids[rows[kept[i]]], float(scores[i]), found[int(rows[kept[i]])]) for i in order)


def _similar(item_id: str, score: float, parts: list[float]) -> SimilarItem:
    sources = tuple(name for name, part in zip(("similar", "text"), parts, strict=True) if part > 0)
    return SimilarItem(item_id, score, sources)
