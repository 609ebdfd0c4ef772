"""The kernels in NumPy: what each compiled one must give, to the bit, and what runs where nothing was compiled.

Knows nothing of the compiled ones.
"""

from collections.abc import Sequence

import numpy as np

from feedrank.types import F16, F32, F64, I32, I64, LONG_AGO, AnyArray, Bools

LANES = 16  # partial sums of an inner product
VARIES = 1e-9  # a spread up to this is rounding
Tier = tuple[I64, F64, I64]  # keys, weights and last touches of a sparse matrix's entries
_AT_ONCE = 1 << 22  # products of single values held at a time: 16 MiB


def products(table: AnyArray, queries: F32, places: I32 | None = None) -> F32:
    """See feedrank.kernels.products."""
    n = len(table) if places is None else len(places)
    d = table.shape[1]
    padded = -(-d // LANES) * LANES
    folded_queries = np.zeros((len(queries), padded), np.float32)
    folded_queries[:, :d] = queries
    out = np.empty((n, len(queries)), np.float32)
    step = max(1, _AT_ONCE // max(1, len(queries) * LANES))
    for start in range(0, n, step):
        stop = min(start + step, n)
        rows = np.zeros((stop - start, padded), np.float32)
        if places is None:
            rows[:, :d] = table[start:stop]
        else:
            here = places[start:stop]
            rows[here >= 0, :d] = table[here[here >= 0]]
        sums = np.zeros((stop - start, len(queries), LANES), np.float32)
        for lane in range(0, padded, LANES):
            sums += rows[:, None, lane : lane + LANES] * folded_queries[None, :, lane : lane + LANES]
        width = LANES // 2
        while width:
            sums = sums[..., :width] + sums[..., width : 2 * width]
            width //= 2
        out[start:stop] = sums[..., 0]
    return out


def unpacked(table: F16, places: I32) -> F32:
    """See feedrank.kernels.unpacked."""
    values = table[np.maximum(places, 0)].astype(np.float32)
    values[places < 0] = 0.0
    return values


def raised(values: F64, table: F16, places: I32, chosen: int) -> None:
    """See feedrank.kernels.raised."""
    found = products(table, table[chosen].astype(np.float32)[None], places)[:, 0]
    np.maximum(values, found, out=values)


def foremost(values: F64, places: I32, open_: Bools) -> int:
    """See feedrank.kernels.foremost."""
    there = open_[places]
    return int(np.argmax(np.where(there, values, -np.inf))) if there.any() else -1


def greatest(scores: F32, rows: I32, alive: Bools, k: int) -> tuple[I32, F32]:
    """See feedrank.kernels.greatest."""
    rows, scores = rows[alive], scores[alive] + np.float32(0.0)
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]


def nearest(
    table: AnyArray, rows: I32, alive: Bools, queries: F32, k: int, places: I32 | None = None
) -> tuple[I32, F32]:
    """See feedrank.kernels.nearest."""
    if places is not None:
        table, rows, alive = table[places], rows[places], alive[places]
    found, scores = np.full((len(queries), k), -1, np.int32), np.full((len(queries), k), -np.inf, np.float32)
    for q, column in enumerate(products(table, queries).T):
        best = greatest(column, rows, alive, k)
        found[q, : len(best[0])], scores[q, : len(best[0])] = best
    return found, scores


def places_by_size(values: F64, offsets: I64) -> F64:
    """See feedrank.kernels.places_by_size: one column."""
    n, sizes = len(values), np.diff(offsets)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    filled = np.where(np.isnan(values), -np.inf, values)
    order = np.lexsort((filled, owner))
    ordered, owner = filled[order], owner[order]
    starts = np.r_[True, (ordered[1:] != ordered[:-1]) | (owner[1:] != owner[:-1])] if n else np.empty(0, bool)
    run = np.cumsum(starts) - 1
    first = np.flatnonzero(starts)
    last = np.r_[first[1:], n] - 1
    middle = (first + last)[run] / 2.0 - offsets[owner]
    places = np.empty(n)
    places[order] = middle / np.maximum(sizes[owner] - 1, 1)
    return places


def standard_scores(values: F64, offsets: I64) -> F64:
    """See feedrank.kernels.standard_scores: one column."""
    sizes = np.diff(offsets)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    known = ~np.isnan(values)

    def total(amounts: F64) -> F64:
        return np.asarray(np.bincount(owner, amounts, minlength=len(sizes)), np.float64)

    filled = np.where(known, values, 0.0)
    counts = np.maximum(total(known.astype(np.float64)), 1.0)
    gap = np.where(known, filled - (total(filled) / counts)[owner], 0.0)
    spread = np.sqrt(total(gap * gap) / counts)[owner]
    scores = np.divide(gap, spread, out=np.zeros(len(values)), where=spread > VARIES)
    return np.where(known, scores, np.nan)


def matched(keys: I64, wanted: I64) -> tuple[I64, I64, int]:
    """See feedrank.kernels.matched."""
    known, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    number = np.empty(len(known) + 1, np.int64)
    number[np.argsort(first, kind="stable")] = np.arange(len(known))
    number[-1] = len(known)
    place = np.searchsorted(known, wanted)
    there = place < len(known)
    there[there] = known[place[there]] == wanted[there]
    return number[inverse], number[np.where(there, place, len(known))], len(known)


def positions(rows: I32, others: I32) -> I32:
    """See feedrank.kernels.positions."""
    known, first = np.unique(others, return_index=True)
    place = np.minimum(np.searchsorted(known, rows), max(len(known) - 1, 0))
    if not len(known):
        return np.full(len(rows), -1, np.int32)
    return np.where(known[place] == rows, first[place], -1).astype(np.int32)


def distinct(rows: I32) -> I32:
    """See feedrank.kernels.distinct."""
    _, first = np.unique(rows, return_index=True)
    return rows[np.sort(first)]


def summed(rows: I32, weights: F64) -> tuple[I32, F64]:
    """See feedrank.kernels.summed."""
    _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    order = np.argsort(first)
    sums = np.bincount(inverse, weights, minlength=len(first))[order]
    return rows[first[order]], np.asarray(sums, np.float64)


def summaries(values: F32, weights: F64, top: int) -> F64:
    """See feedrank.kernels.summaries."""
    out = np.zeros((len(values), 4))
    out[:, 0] = values.max(axis=1)
    for j in range(values.shape[1]):  # in order: a row's bits must not depend on the batch
        out[:, 1] += values[:, j]
        out[:, 2] += weights[j] * values[:, j]
    greatest = -np.sort(-values, axis=1)
    for k in range(top):
        out[:, 3] += greatest[:, k]
    return out


def ward(squares: F64, cut: float, most: int) -> I64:
    """See feedrank.kernels.ward."""
    n = len(squares)
    apart = np.where(np.arange(n)[:, None] < np.arange(n), squares, np.inf)  # each pair once: the upper triangle
    sizes, cluster, left = np.ones(n), np.arange(n), n
    while left > 1:
        a, b = divmod(int(np.argmin(apart)), n)
        closest = apart[a, b]
        if not np.isfinite(closest) or (closest > cut and left <= most):
            break
        for k in np.flatnonzero(sizes).tolist():
            if k in (a, b):
                continue
            to_a, to_b = apart[min(a, k), max(a, k)], apart[min(b, k), max(b, k)]
            merged = (sizes[a] + sizes[k]) * to_a + (sizes[b] + sizes[k]) * to_b - sizes[k] * closest
            apart[min(a, k), max(a, k)] = merged / (sizes[a] + sizes[b] + sizes[k])
        apart[b, :], apart[:, b] = np.inf, np.inf
        sizes[a] += sizes[b]
        sizes[b] = 0.0
        cluster[cluster == b] = a
        left -= 1
    return np.unique(cluster, return_inverse=True)[1].astype(np.int64)


def decayed(sums: F64, rows: I32, shrinks: F64, faintest: float) -> F64:
    """See feedrank.kernels.decayed."""
    values: F64 = sums[rows] * shrinks
    values[values < faintest] = 0.0
    return values


def counted(sums: F64, rows: I32, kinds: I32, weights: F64) -> None:
    """See feedrank.kernels.counted."""
    width = weights.shape[1]
    first = rows.astype(np.int64) * sums.shape[1] + kinds * width
    np.add.at(sums.reshape(-1), (first[:, None] + np.arange(width)).ravel(), weights.ravel())


def looked_up(tiers: Sequence[Tier], firsts: I32, others: I32, oldest: int, factor: float) -> F64:
    """See feedrank.kernels.looked_up."""
    weights, touched = _held(tiers, (firsts.astype(np.int64) << 32 | others[:, None]).ravel())
    weights[touched < oldest] = 0.0
    return (weights * factor).reshape(len(others), len(firsts))


def paired(tiers: Sequence[Tier], firsts: I32, seconds: I32, growths: F64, times: I64, newest: int, span: int) -> Tier:
    """See feedrank.kernels.paired."""
    keys, place = np.unique(firsts.astype(np.int64) << 32 | seconds, return_inverse=True)
    weights, touched = _held(tiers, keys)
    for p, time, growth in zip(place.tolist(), times.tolist(), growths.tolist(), strict=True):
        newest = max(newest, time)
        if touched[p] < newest - span:
            weights[p] = 0.0
        weights[p] += growth
        touched[p] = max(int(touched[p]), time)
    old = ~np.isin(tiers[-1][0], keys)
    columns = [
        np.concatenate([column[old], new]) for column, new in zip(tiers[-1], (keys, weights, touched), strict=True)
    ]
    order = np.argsort(columns[0])
    return columns[0][order], columns[1][order], columns[2][order]


def _held(tiers: Sequence[Tier], wanted: I64) -> tuple[F64, I64]:
    """Weight and last touch of each key, (n,), in the last tier that has it; 0 and long ago where none does."""
    weights, touched = np.zeros(len(wanted)), np.full(len(wanted), LONG_AGO)
    for keys, their_weights, their_touched in tiers:
        if len(keys):
            at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            hit = keys[at] == wanted
            weights[hit], touched[hit] = their_weights[at[hit]], their_touched[at[hit]]
    return weights, touched


def rows_of(tiers: Sequence[Tier], firsts: I32, oldest: int) -> tuple[I32, F64, I64]:
    """See feedrank.kernels.rows_of."""
    others, weights, sizes = [np.empty(0, np.int32)], [np.empty(0)], []
    for a in firsts.tolist():
        newest: dict[int, tuple[float, int]] = {}
        for keys, their_weights, touched in tiers:
            mine = slice(*np.searchsorted(keys, (a << 32, (a + 1) << 32)))
            entries = zip(their_weights[mine].tolist(), touched[mine].tolist(), strict=True)
            newest.update(zip((keys[mine] & 0xFFFFFFFF).tolist(), entries, strict=True))
        kept = sorted(b for b, (_, when) in newest.items() if when >= oldest)
        others.append(np.array(kept, np.int32))
        weights.append(np.array([newest[b][0] for b in kept]))
        sizes.append(len(kept))
    return np.concatenate(others), np.concatenate(weights), np.array(sizes, np.int64)
