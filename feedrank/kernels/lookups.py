"""Kernels over tables by row: counters that decay, columns, and sparse matrices kept in tiers. See `binding`."""

from collections.abc import Sequence

import numpy as np

from feedrank.kernels import reference
from feedrank.kernels.binding import native
from feedrank.kernels.reference import Tier
from feedrank.types import F64, I32, I64, AnyArray

_TIERS, _NO_TIER = 3, (np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))


def decayed(sums: F64, rows: I32, shrinks: F64, faintest: float) -> F64:
    """Rows of `sums` (r, width) times `shrinks` (width,), (n, width); what is below `faintest` is 0."""
    if native is None:
        return reference.decayed(sums, rows, shrinks, faintest)
    out = np.empty((len(rows), sums.shape[1]))
    native.decayed(sums, sums.shape[1], np.ascontiguousarray(rows, np.int32), shrinks, faintest, out)
    return out


def counted(sums: F64, rows: I32, kinds: I32, weights: F64) -> None:
    """Adds `weights` (n, width), in order, to kind kinds[i] of row rows[i] of `sums` (r, kinds * width), in place."""
    if native is None:
        reference.counted(sums, rows, kinds, weights)
    else:
        width = weights.shape[1]
        native.counted(sums, sums.shape[1] // width, width, rows, kinds, np.ascontiguousarray(weights))


def taken(columns: Sequence[AnyArray], rows: I32) -> list[AnyArray]:
    """Entries of each column (r, ...) at `rows` (n,): up to 24 C-contiguous arrays with at least one row each."""
    if native is None:
        return [column[rows] for column in columns]
    out = [np.empty((len(rows), *column.shape[1:]), column.dtype) for column in columns]
    native.taken(tuple(columns), np.ascontiguousarray(rows, np.int32), tuple(out))
    return out


def looked_up(tiers: Sequence[Tier], firsts: I32, others: I32, oldest: int, factor: float) -> F64:
    """Weights (n, k), times `factor`, of entries (a, b) of a matrix kept as `rows_of` says.

    b is of `others` (n,), a of `firsts` (k,). 0 where there is no entry, or it was last touched before `oldest`.
    """
    if native is None:
        return reference.looked_up(tiers, firsts, others, oldest, factor)
    out = np.empty((len(others), len(firsts)))
    rows = np.ascontiguousarray(firsts, np.int32), np.ascontiguousarray(others, np.int32)
    native.looked_up(_three(tiers), *rows, oldest, factor, out)
    return out


def paired(tiers: Sequence[Tier], firsts: I32, seconds: I32, growths: F64, times: I64, newest: int, span: int) -> Tier:
    """The last of three tiers of a matrix kept as `rows_of` says, once amounts were added to entries, in order.

    growths[i] goes to entry (firsts[i], seconds[i]) at times[i], (n,). An entry last touched more than `span` before
    the newest time so far (`newest` before the first) begins again from 0.
    """
    if native is None:
        return reference.paired(tiers, firsts, seconds, growths, times, newest, span)
    most = len(tiers[-1][0]) + len(times)
    keys, weights, touched = np.empty(most, np.int64), np.empty(most), np.empty(most, np.int64)
    count = native.paired(tuple(tiers), firsts, seconds, growths, times, newest, span, keys, weights, touched)
    return keys[:count], weights[:count], touched[:count]


def rows_of(tiers: Sequence[Tier], firsts: I32, oldest: int) -> tuple[I32, F64, I64]:
    """Entries (a, b) of each of `firsts` (k,) in a sparse matrix kept in tiers, one first after another.

    A tier, of up to three, is keys a << 32 | b, ascending, weights and last touches, (e,) each; of a key in several the
    last tier's entry counts. One last touched before `oldest` is left out. Returns b (m,), ascending for each first,
    the weights (m,), and how many there are of each first (k,).
    """
    if native is None:
        return reference.rows_of(tiers, firsts, oldest)
    tiers = _three(tiers)
    bounds = (firsts.astype(np.int64)[:, None] + np.arange(2)) << 32
    spans = np.stack([np.searchsorted(keys, bounds) for keys, _, _ in tiers])
    most = int((spans[..., 1] - spans[..., 0]).sum())
    others, weights, sizes = np.empty(most, np.int32), np.empty(most), np.empty(len(firsts), np.int64)
    count = native.rows_of(tiers, spans, oldest, others, weights, sizes)
    return others[:count], weights[:count], sizes


def _three(tiers: Sequence[Tier]) -> tuple[Tier, ...]:
    return (*tiers, *(_NO_TIER,) * (_TIERS - len(tiers)))
