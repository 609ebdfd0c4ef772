"""Raw columns of candidates and of their users, copied as of one instant: what features are computed from.

`concat` makes the ragged batch of many requests out of single ones. Knows nothing of where the columns come from
(`gather`) or of what is made of them (`compute`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from feedrank.kernels import unpacked
from feedrank.state import VectorTable
from feedrank.types import F16, F32, F64, I32, I64, AnyArray, Bools

SIMILARITY_HISTORY = 50  # newest engagements whose vectors candidates are compared with
NEGATIVE_HISTORY = 20  # newest hidden items likewise
CO_HISTORY = 20  # newest distinct engaged items whose co-engagement counts

NO_STORY = -1  # of an item that is not known yet

DEVICES = ("", "desktop", "mobile", "tablet", "tv")


@dataclass(frozen=True, slots=True)
class ItemColumns:
    """One entry a candidate, shape (n, ...). Counts are decayed to `now`: (n, kinds, half-lives) float64."""

    rows: I32
    counts: F64
    category_counts: F64
    subcategory_counts: F64
    codes: I32  # (n, len(CODED)): category, subcategory, author, source, language
    regions: I32
    listed: Bools
    deleted: Bools
    published_at: I64
    expires_at: I64
    first_seen: I64
    last_click: I64
    title_chars: I32
    body_chars: I32
    story: I32
    number: I64  # that its id ends with, NO_NUMBER without one
    regional: F64  # decayed clicks and reads by users of the request's region
    co_engaged: F64  # (n, CO_HISTORY) weight with each newest engaged item, newest first
    followed: Bools  # (n, 3): author, category, source
    slots: I32  # of vectors in the batch's table, NO_SLOT without one


@dataclass(frozen=True, slots=True)
class HistoryColumns:
    """One entry an engaged item, oldest first, shape (h, ...)."""

    rows: I32
    actions: I32
    times: I64
    sessions: I64
    dwell_s: F32
    codes: I32  # (h, len(CODED))
    stories: I32  # (h,) as of items, NO_STORY where the item is not known yet


@dataclass(frozen=True, slots=True)
class ViewColumns:
    """One entry an item view, oldest first, shape (v, ...)."""

    rows: I32
    times: I64
    sessions: I64
    places: I32  # in what was shown together, 1 at the top
    codes: I32  # (v, len(CODED))


@dataclass(frozen=True, slots=True)
class ComparedColumns:
    """Vectors candidates are compared with: of each request first of what was read, then hidden, then searched for."""

    kinds: I32  # (m,) POSITIVE, NEGATIVE or QUERY
    slots: I32  # (m,) in the batch's table, NO_SLOT for a search
    queries: F32  # (q, d) of the searches, in order


POSITIVE, NEGATIVE, QUERY = 0, 1, 2
COMPARED_KINDS = 3


@dataclass(frozen=True, slots=True)
class RequestColumns:
    """One entry a request, shape (r, ...)."""

    now: I64  # whole seconds, in microseconds
    overall_counts: F64  # (r, kinds, half-lives)
    co_totals: F64  # (r, CO_HISTORY) engagements of each newest engaged item, for normalising
    session: I64
    device: I32  # index into DEVICES, -1 for another
    language: I32  # code in the state's vocabulary, 0 absent, -1 never seen
    follows: I32  # how many
    searches: I32


@dataclass(frozen=True, slots=True)
class Raw:
    """A ragged batch: columns of all requests one after another, and where each request's part begins."""

    items: ItemColumns
    history: HistoryColumns
    views: ViewColumns
    compared: ComparedColumns
    requests: RequestColumns
    item_offsets: I64  # (r + 1,)
    history_offsets: I64
    view_offsets: I64
    compared_offsets: I64
    table: VectorTable | None  # that slots are of: its slots never change. None without a vector space

    @property
    def vectors(self) -> F16:
        """Vectors by slot, (v, d); (0, 0) without a vector space."""
        return np.empty((0, 0), np.float16) if self.table is None else self.table.values

    def vectors_at(self, slots: I32) -> F32:
        """Vectors (n, d) of slots (n,), zeros at NO_SLOT."""
        return np.zeros((len(slots), 0), np.float32) if self.table is None else unpacked(self.table.values, slots)

    def take(self, keep: I64) -> "Raw":
        """The same requests with only the candidates at indices `keep`: of one request in that order, of several
        ascending.
        """
        items = ItemColumns(*(getattr(self.items, f.name)[keep] for f in fields(ItemColumns)))
        whole = self.item_offsets
        offsets = np.array([0, len(keep)]) if len(whole) == 2 else np.searchsorted(keep, whole).astype(np.int64)
        rest = (self.history, self.views, self.compared, self.requests)
        return Raw(items, *rest, offsets, self.history_offsets, self.view_offsets, self.compared_offsets, self.table)


def concat(raws: Sequence[Raw]) -> Raw:
    """The ragged batch of several requests, in the given order. ValueError for vectors of different tables."""
    if len(raws) == 1:
        return raws[0]
    tables = {id(raw.table): raw.table for raw in raws if raw.table is not None}
    if len(tables) > 1:
        raise ValueError("columns whose vectors are of different tables cannot be joined")
    return Raw(
        ItemColumns(*_joined([r.items for r in raws], ItemColumns)),
        HistoryColumns(*_joined([r.history for r in raws], HistoryColumns)),
        ViewColumns(*_joined([r.views for r in raws], ViewColumns)),
        ComparedColumns(*_joined([r.compared for r in raws], ComparedColumns)),
        RequestColumns(*_joined([r.requests for r in raws], RequestColumns)),
        _ends([r.item_offsets for r in raws]),
        _ends([r.history_offsets for r in raws]),
        _ends([r.view_offsets for r in raws]),
        _ends([r.compared_offsets for r in raws]),
        next(iter(tables.values()), None),
    )


def _joined(parts: Sequence[object], kind: type) -> list[AnyArray]:
    return [_concatenated([getattr(part, f.name) for part in parts]) for f in fields(kind)]


def _concatenated(arrays: list[AnyArray]) -> AnyArray:
    if arrays[0].ndim == 2:  # requests before the first vector of a space have none of its dimensions
        width = max(a.shape[1] for a in arrays)
        arrays = [a if a.shape[1] == width else np.zeros((len(a), width), a.dtype) for a in arrays]
    return np.concatenate(arrays)


def _ends(offsets: Sequence[I64]) -> I64:
    parts = np.cumsum([len(o) for o in offsets])
    sizes = np.delete(np.diff(np.concatenate(offsets)), parts[:-1] - 1)  # without the steps from one part to the next
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
