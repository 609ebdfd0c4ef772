"""What the rest of feedrank calls: each kernel's contract, and the choice between the compiled and the NumPy one."""

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.kernels import reference
from feedrank.types import F16, F32, F64, I32, I64, AnyArray, Bools

try:
    from feedrank.kernels import _native
except ImportError:  # no compiler at installation: the service says so when it starts
    _native = None  # type: ignore[assignment]
native = _native

COMPILED = native is not None
INSTRUCTIONS = "NumPy" if native is None else "C, AVX-512" if native.AVX512 else "C"
_SPARE, _TIMES = 256, 3  # room that `greatest` needs: _TIMES * k + _SPARE keys


def products(table: AnyArray, queries: F32, places: I32 | None = None) -> F32:
    """Inner products (n, m) float32 of n vectors of a table (v, d) float16 or float32 with `queries` (m, d) float32.

    `places` (n,) int32 names vectors of the table, a negative one a vector of zeros; without it all are taken. A
    product is 16 partial sums in float32, value i going to sum i mod 16 in order, folded in halves: its bits depend on
    the two vectors alone.

    Raises:
        InvalidInput: for shapes that do not fit, or another dtype.
    """
    if table.ndim != 2 or queries.ndim != 2 or table.shape[1] != queries.shape[1]:
        raise InvalidInput(f"vectors of shape {table.shape} cannot be multiplied with {queries.shape}")
    if table.dtype not in (np.float16, np.float32) or queries.dtype != np.float32:
        raise InvalidInput(f"products are of float16 or float32 with float32, not {table.dtype} with {queries.dtype}")
    m, d = queries.shape
    n = len(table) if places is None else len(places)
    if not (n and m and d):
        return np.zeros((n, m), np.float32)
    if native is None:
        return reference.products(table, queries, places)
    out = np.empty((n, m), np.float32)
    table, queries = np.ascontiguousarray(table), np.ascontiguousarray(queries)
    native.products(table, table.dtype == np.float16, places, queries, m, d, out)
    return out


def unpacked(table: F16, places: I32) -> F32:
    """Vectors of a table (v, d) at `places` (n,) as float32, zeros at a negative place: (n, d)."""
    if native is None or not table.shape[1]:
        return reference.unpacked(table, places)
    out = np.empty((len(places), table.shape[1]), np.float32)
    native.unpacked(table, table.shape[1], np.ascontiguousarray(places, np.int32), out)
    return out


def raised(values: F64, table: F16, places: I32, chosen: int) -> None:
    """Raises `values` (n,), in place, to the `products` of vectors of a table (v, d) with its vector `chosen`.

    `places` (n,) says which of its vectors. InvalidInput for values that are not contiguous float64, or no float16.
    """
    if values.dtype != np.float64 or not values.flags.c_contiguous or table.dtype != np.float16:
        raise InvalidInput(f"float64 are raised to products of float16, not {values.dtype} to those of {table.dtype}")
    if native is None:
        reference.raised(values, table, places, chosen)
    else:
        native.raised(values, np.ascontiguousarray(table), table.shape[1], places, chosen)


def foremost(values: F64, places: I32, open_: Bools) -> int:
    """Where the greatest of `values` (n,) stands among those whose place (n,) is open, the first of equal ones.

    -1 if none is open. No value is NaN or minus infinity.
    """
    if native is None:
        return reference.foremost(values, places, open_)
    return native.foremost(values, places, open_)


def greatest(scores: F32, rows: I32, alive: Bools, k: int) -> tuple[I32, F32]:
    """Rows and scores (<= k,) of the k greatest `scores` (n,) among those `alive` (n,), best first, equal ones by row.

    `scores` may be a column of a matrix (n, m) in C order. No score is NaN. InvalidInput for a negative k.
    """
    if k < 0:
        raise InvalidInput(f"k is {k}; send 0 or more")
    if native is None or not len(scores) or not k:
        return reference.greatest(scores, rows, alive, k)
    whole = scores if scores.flags.c_contiguous else scores.base
    column = 0
    if whole is not scores:
        if not isinstance(whole, np.ndarray) or whole.ndim != 2 or not whole.flags.c_contiguous:
            return reference.greatest(scores, rows, alive, k)
        column = (scores.ctypes.data - whole.ctypes.data) // scores.itemsize
    m = 1 if whole.ndim == 1 else whole.shape[1]
    keys = np.empty(_TIMES * k + _SPARE, np.uint64)
    return _read(np.sort(keys[: native.greatest(whole, m, column, rows, alive, k, keys)])[::-1])


def _read(keys: AnyArray) -> tuple[I32, F32]:
    """The rows and scores that keys of the greatest are made of."""
    bits = (keys >> np.uint64(32)).astype(np.uint32)
    high = np.uint32(0x80000000)
    bits = np.where(bits & high, bits ^ high, ~bits)
    return (~keys.astype(np.uint32)).view(np.int32), bits.view(np.float32)


def nearest(
    table: AnyArray, rows: I32, alive: Bools, queries: F32, k: int, places: I32 | None = None
) -> tuple[I32, F32]:
    """Rows (m, k) and scores (m, k) of the k vectors of a table (v, d) with the greatest `products` with each query.

    Best first, equal ones by row, padded with -1 and minus infinity. `rows` (v,) are the vectors' names; only those
    `alive` (v,) count, and of them, where `places` (n,) are given, each once, those. Shapes and dtypes of table and
    queries as for `products`; v, m and k are 1 or more.
    """
    if native is None:
        return reference.nearest(table, rows, alive, queries, k, places)
    m = len(queries)
    keys, counts = np.empty((m, _TIMES * k + _SPARE), np.uint64), np.empty(m, np.int64)
    table, queries = np.ascontiguousarray(table), np.ascontiguousarray(queries)
    native.nearest(table, table.dtype == np.float16, rows, alive, places, queries, m, k, keys, counts)
    best = keys[:, :k]
    best[np.arange(k) >= counts[:, None]] = 0  # below every key, and read as row -1
    found, scores = _read(np.sort(best, axis=1)[:, ::-1])
    scores[found < 0] = -np.inf
    return found, scores


def places_by_size(columns: F64, offsets: I64) -> F64:
    """Each value's place by size in its stretch of `offsets` (stretches + 1,), for columns (k, n): 0 lowest, 1 highest.

    Ties get their mean place; NaN counts as lowest; a stretch of one has place 0.
    """
    return _in_slate(False, columns, offsets)


def standard_scores(columns: F64, offsets: I64) -> F64:
    """Each value's standard score in its stretch of `offsets`, for columns (k, n); 0 where the stretch does not vary.

    NaN is left out of mean and spread, and stays NaN.
    """
    return _in_slate(True, columns, offsets)


def _in_slate(scores: bool, columns: F64, offsets: I64) -> F64:
    if native is None:
        each = reference.standard_scores if scores else reference.places_by_size
        return np.stack([each(column, offsets) for column in columns]) if len(columns) else columns
    out = np.empty(columns.shape)
    columns = np.ascontiguousarray(columns, np.float64)
    native.in_slate(scores, columns, np.ascontiguousarray(offsets, np.int64), out)
    return out


def matched(keys: I64, wanted: I64) -> tuple[I64, I64, int]:
    """Groups of equal `keys` (e,), numbered as they first appear: of each key (e,), of each wanted one (n,), how many.

    A wanted key that no entry has is of the group one beyond the last.
    """
    if native is None:
        return reference.matched(keys, wanted)
    group, asked = np.empty(len(keys), np.int64), np.empty(len(wanted), np.int64)
    return group, asked, native.matched(keys, wanted, group, asked)


def positions(rows: I32, others: I32) -> I32:
    """Where each row (n,) first stands among `others` (m,), int32; -1 where it does not."""
    if native is None:
        return reference.positions(rows, others)
    out = np.empty(len(rows), np.int32)
    native.positions(np.ascontiguousarray(rows, np.int32), np.ascontiguousarray(others, np.int32), out)
    return out


def among(rows: I32, others: I32) -> Bools:
    """Which rows (n,) stand among `others` (m,)."""
    return positions(rows, others) >= 0


def distinct(rows: I32) -> I32:
    """The rows without repeats, as they first appear, (<= n,) int32."""
    if native is None:
        return reference.distinct(rows)
    rows = np.ascontiguousarray(rows, np.int32)
    out = np.empty_like(rows)
    return out[: native.distinct(rows, out, None, None)]


def summed(rows: I32, weights: F64) -> tuple[I32, F64]:
    """The `distinct` rows (m,), and the sum of each one's weights (n,) in order, (m,)."""
    if native is None:
        return reference.summed(rows, weights)
    rows, weights = np.ascontiguousarray(rows, np.int32), np.ascontiguousarray(weights, np.float64)
    out, sums = np.empty_like(rows), np.empty_like(weights)
    found = native.distinct(rows, out, weights, sums)
    return out[:found], sums[:found]


def summaries(values: F32, weights: F64, top: int) -> F64:
    """Of the first h values of each row (n, h or more): the greatest, the sum, the sum weighted by `weights` (h,), and
    that of the `top` greatest, (n, 4). Sums are taken in order, the last from the greatest on. `top` is 1 to 8, at
    most h.
    """
    if native is None:
        return reference.summaries(values[:, : len(weights)], weights, top)
    out = np.empty((len(values), 4))
    native.summaries(np.ascontiguousarray(values, np.float32), np.ascontiguousarray(weights, np.float64), top, out)
    return out


def ward(squares: F64, cut: float, most: int) -> I64:
    """The Ward cluster of each of n points by their squared distances (n, n), (n,), numbered as they first appear.

    The closest two clusters are merged while they are within `cut` (a squared height) or more than `most` are left; of
    equally close pairs the first in reading order. Ward, "Hierarchical Grouping to Optimize an Objective Function",
    JASA 1963; only the upper triangle is read.
    """
    if native is None:
        return reference.ward(squares, cut, most)
    n = len(squares)
    cluster = np.empty(n, np.int64)
    native.ward(np.array(squares, np.float64, order="C"), cut, most, np.empty(n), cluster)
    return cluster
