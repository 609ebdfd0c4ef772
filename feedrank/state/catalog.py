"""The catalog as columns: one row per item id ever seen in the log, no object per item.

Strings are interned: a column holds codes into a `Vocabulary` whose code 0 is the empty string. Knows nothing of
counters, of events or of time passing.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from feedrank.types import I32, I64, AnyArray, Row
from feedrank.v1 import feedrank_pb2 as pb

NO_ROW = -1


class Vocabulary:
    """Strings numbered by first appearance; 0 is the empty string."""

    def __init__(self, words: Iterable[str] = ("",)) -> None:
        self.words = list(words)
        self.codes = {word: code for code, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def code(self, word: str) -> int:
        """The word's code, given now if it is new."""
        code = self.codes.get(word)
        if code is None:
            code = self.codes[word] = len(self.words)
            self.words.append(word)
        return code

    def find(self, word: str) -> int:
        """The word's code, or -1 if it was never seen."""
        return self.codes.get(word, -1)

    def mapping_from(self, other: "Vocabulary") -> I32:
        """Codes of this vocabulary for each code of `other`, shape (len(other),)."""
        return np.array([self.code(word) for word in other.words], dtype=np.int32)


CODED = ("category", "subcategory", "author", "source", "language")  # columns of codes; each has its own vocabulary

_COLUMNS: dict[str, type] = {
    "regions": np.int32,  # code of the item's sorted, '|'-joined regions; 0: everywhere
    "listed": np.bool_,  # upserted, and not deleted since
    "deleted": np.bool_,
    "published_at": np.int64,
    "expires_at": np.int64,
    "updated_at": np.int64,
    "first_seen": np.int64,  # earliest fold time of any record naming the item
    "last_click": np.int64,
    "title_chars": np.int32,
    "body_chars": np.int32,
    "number": np.int64,  # the number the id ends with, NO_NUMBER without one
    "story": np.int32,  # the row whose story this is; its own until a vector says otherwise
    "upserted_by": np.int64,  # offset of the last upsert in the log, 0 without one
    "deleted_by": np.int64,  # likewise
}
NEVER = 2**62  # first_seen of a row no record named yet
NO_NUMBER = -1
_FILL = {"first_seen": NEVER, "story": NO_ROW, "number": NO_NUMBER}
_NUMBER = re.compile(r"[0-9]{1,18}$")  # what fits 64 bits


def coded_vocabularies() -> dict[str, Vocabulary]:
    """An empty vocabulary for each coded column, and one for region sets."""
    return {name: Vocabulary() for name in (*CODED, "regions")}


@dataclass(slots=True)
class Catalog:
    """Columns aligned by row; `column[:rows]` is in use. Mutable: only the fold writes it."""

    rows: int = 0
    ids: list[str] = field(default_factory=list)  # "" for a row whose id is not known to this fold
    row_of: dict[str, Row] = field(default_factory=dict)
    vocabularies: dict[str, Vocabulary] = field(default_factory=coded_vocabularies)
    codes: I32 = field(default_factory=lambda: np.zeros((64, len(CODED)), np.int32))  # the coded columns, side by side
    columns: dict[str, AnyArray] = field(
        default_factory=lambda: {name: np.full(64, _FILL.get(name, 0), dtype) for name, dtype in _COLUMNS.items()}
    )

    def __post_init__(self) -> None:
        self._show_codes()

    def _show_codes(self) -> None:
        """Names the columns of `codes` as columns."""
        self.columns.update(zip(CODED, self.codes.T, strict=True))

    def column(self, name: str) -> AnyArray:
        """The column in use, shape (rows,): a view that the next record may change."""
        return self.columns[name][: self.rows]

    def ensure(self, row: Row) -> None:
        """Makes room up to and including `row`."""
        if row < self.rows:
            return
        capacity = len(self.columns["listed"])
        if row >= capacity:
            room = max(row + 1, 2 * capacity)
            for name in _COLUMNS:
                self.columns[name] = _grown(self.columns[name], np.full(room, _FILL.get(name, 0), _COLUMNS[name]))
            self.codes = _grown(self.codes, np.zeros((room, len(CODED)), np.int32))
            self._show_codes()
        self.ids.extend([""] * (row + 1 - self.rows))
        self.columns["story"][self.rows : row + 1] = np.arange(self.rows, row + 1)
        self.rows = row + 1

    def name(self, row: Row, item_id: str) -> None:
        """Notes the id of a row. Rows are numbered by the store, so a row never changes its id."""
        if not self.ids[row]:
            self.ids[row] = item_id
            self.row_of[item_id] = row
            number = _NUMBER.search(item_id)
            self.columns["number"][row] = int(number[0]) if number else NO_NUMBER

    def upsert(self, row: Row, item: pb.Item, offset: int) -> None:
        """Writes an item's columns, unless a record later in the log already did: visibility may change their order."""
        columns = self.columns
        if offset < columns["upserted_by"][row]:
            return
        for name in CODED:
            columns[name][row] = self.vocabularies[name].code(_coded(item, name))
        columns["regions"][row] = self.vocabularies["regions"].code("|".join(sorted(set(item.regions))))
        columns["published_at"][row] = micros(item.published_at) if item.HasField("published_at") else 0
        columns["expires_at"][row] = micros(item.expires_at) if item.HasField("expires_at") else 0
        columns["updated_at"][row] = micros(item.updated_at) if item.HasField("updated_at") else 0
        columns["title_chars"][row], columns["body_chars"][row] = len(item.title), len(item.body)
        columns["upserted_by"][row] = offset
        self._list(row)

    def delete(self, row: Row, offset: int) -> None:
        """Takes an item out, unless an upsert later in the log brought it back; its row and counters stay."""
        self.columns["deleted_by"][row] = max(int(self.columns["deleted_by"][row]), offset)
        self._list(row)

    def _list(self, rows: Row | slice) -> None:
        """An item is listed or deleted as the later of the two records says."""
        columns = self.columns
        columns["listed"][rows] = columns["upserted_by"][rows] > columns["deleted_by"][rows]
        columns["deleted"][rows] = columns["upserted_by"][rows] < columns["deleted_by"][rows]

    def seen(self, rows: I32, times: I64) -> None:
        """Notes that records of these fold times named the rows, (n,). Time 0, of undated imported items, is none."""
        np.minimum.at(self.columns["first_seen"], rows, np.where(times > 0, times, NEVER))

    def merge(self, other: "Catalog") -> None:
        """Takes over what another fold knows: of two writes the later one, the earlier first sight, the later click."""
        if other.rows:
            self.ensure(other.rows - 1)
        for row, item_id in enumerate(other.ids):
            if item_id:
                self.name(row, item_id)
        n = other.rows
        newer = other.columns["upserted_by"][:n] > self.columns["upserted_by"][:n]
        for name in (*CODED, "regions"):
            codes = self.vocabularies[name].mapping_from(other.vocabularies[name])[other.columns[name][:n]]
            self.columns[name][:n][newer] = codes[newer]
        for name in ("published_at", "expires_at", "updated_at", "title_chars", "body_chars", "upserted_by"):
            self.columns[name][:n][newer] = other.columns[name][:n][newer]
        self.columns["deleted_by"][:n] = np.maximum(self.columns["deleted_by"][:n], other.columns["deleted_by"][:n])
        self._list(slice(n))
        self.columns["first_seen"][:n] = np.minimum(self.columns["first_seen"][:n], other.columns["first_seen"][:n])
        self.columns["last_click"][:n] = np.maximum(self.columns["last_click"][:n], other.columns["last_click"][:n])
        # A story is fixed by the first vector: a fold that saw none has the row itself.
        own = self.columns["story"][:n] == np.arange(n)
        self.columns["story"][:n][own] = other.columns["story"][:n][own]

    def to_arrays(self) -> dict[str, AnyArray]:
        """The columns in use: views, not copies. With `ids` and the vocabularies' words that is all there is."""
        return {name: self.column(name) for name in self.columns}

    def restore(self, arrays: Mapping[str, AnyArray], ids: Sequence[str], words: Mapping[str, Sequence[str]]) -> None:
        """Makes this new catalog equal to the one that gave `arrays`, `ids` and `words`."""
        self.ensure(len(ids) - 1)
        for name, column in self.columns.items():
            column[: self.rows] = arrays[name]
        self.ids = list(ids)
        self.row_of = {item_id: row for row, item_id in enumerate(self.ids) if item_id}
        self.vocabularies = {name: Vocabulary(words[name]) for name in self.vocabularies}


def _grown(column: AnyArray, room: AnyArray) -> AnyArray:
    room[: len(column)] = column
    return room


def _coded(item: pb.Item, name: str) -> str:
    if name == "category":
        return item.category
    if name == "subcategory":
        return item.subcategory
    if name == "author":
        return item.author
    if name == "source":
        return item.source
    return item.language


def micros(stamp: object) -> int:
    """Microseconds of a protobuf Timestamp."""
    return stamp.seconds * 1_000_000 + stamp.nanos // 1_000  # type: ignore[attr-defined, no-any-return]
