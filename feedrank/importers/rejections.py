"""What an import refused: where, which field, why, how often.

Rows are counted by (field, reason) so that a file with a million bad rows gives one line with the first few places.
Knows nothing of file formats or of the store.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

EXAMPLES_KEPT = 3  # enough to find the pattern; the count says the rest
REASONS_KEPT = 100  # a reason that quotes its value may differ on every row; the report must stay readable
VALUE_SHOWN = 60  # characters of a refused value

LINE = "__line__"  # the frame column that says where a row stood: line of a text file, row of a Parquet file, from 1
FILE_FIELD = "file"  # the field of a refusal that concerns the whole file
PRIVATE_FIELDS = frozenset({"user_id", "query"})  # never echoed: summaries end up in logs

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\w.:+-]*")  # also instants


@dataclass(frozen=True, slots=True)
class Example:
    """One place where a row was refused. `line` is 0 where the whole file is meant."""

    file: str
    line: int
    value: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place} {self.value!r}" if self.value else place


@dataclass(frozen=True, slots=True)
class RejectedGroup:
    """All refusals for one reason."""

    field: str
    reason: str
    count: int
    examples: tuple[Example, ...]


class Rejections:
    """Collects refusals. A row is refused once, for the first thing found wrong with it."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._examples: dict[tuple[str, str], list[Example]] = {}

    def add(self, path: Path, line: int, field: str, reason: str, value: str = "") -> None:
        """Counts one refusal; `reason` without the value, so that equal reasons group."""
        self.add_many(path, [line], field, reason, [value])

    def add_many(
        self,
        path: Path,
        lines: Sequence[int],
        field: str,
        reason: str,
        values: Sequence[str | None],
        count: int | None = None,
    ) -> None:
        """Counts refusals of one reason. `lines` and `values` may be a sample from the front when `count` is given."""
        key = (field, reason)
        if key not in self._counts and len(self._counts) >= REASONS_KEPT:
            key = ("", "other reasons")
        self._counts[key] = self._counts.get(key, 0) + (len(lines) if count is None else count)
        kept = self._examples.setdefault(key, [])
        for line, value in zip(lines[:EXAMPLES_KEPT], values[:EXAMPLES_KEPT], strict=True):
            if len(kept) < EXAMPLES_KEPT:
                shown = "" if field in PRIVATE_FIELDS or value is None else _shorten(value)
                kept.append(Example(path.name, line, shown))

    def add_store_reason(self, path: Path, line: int, reason: str) -> None:
        """Counts a record the store refused.

        The store's reason quotes values; without them equal faults group, and no user id is told.
        """
        field, _, rest = _QUOTED.sub('"…"', reason).partition(" ")
        number = _NUMBER.search(rest)
        if number is not None:
            rest = f"{rest[: number.start()]}N{rest[number.end() :]}"
        self.add(path, line, field, rest, "" if number is None else number.group())

    @property
    def count(self) -> int:
        """Refused rows; a whole file that could not be used is none."""
        return sum(n for (field, _), n in self._counts.items() if field != FILE_FIELD)

    def groups(self) -> tuple[RejectedGroup, ...]:
        """Every reason, the most frequent first."""
        order = sorted(self._counts, key=lambda key: (-self._counts[key], key))
        return tuple(RejectedGroup(*key, self._counts[key], tuple(self._examples[key])) for key in order)


@dataclass(slots=True)
class Sieve:
    """The rows of one file that are still good; `drop` takes bad ones out and says why.

    `frame` has the column LINE.
    """

    path: Path
    frame: pl.DataFrame
    rejections: Rejections

    def drop(self, bad: pl.Expr, field: str, reason: str, value: str | None = None) -> None:
        """Drops rows where `bad` is true (null counts as good); `value` names the column to quote in the examples."""
        mask = self.frame.select(bad.fill_null(False).alias("bad"))["bad"]
        if mask.len() != self.frame.height:  # an expression over constants has one row
            mask = mask.new_from_index(0, self.frame.height)
        if not mask.any():
            return
        refused = self.frame.filter(mask)
        first = refused.head(EXAMPLES_KEPT)
        values: Sequence[str | None] = [""] * first.height
        if value is not None:
            values = [None if v is None else str(v) for v in first[value].to_list()]
        self.rejections.add_many(self.path, first[LINE].to_list(), field, reason, values, refused.height)
        self.frame = self.frame.filter(~mask)


def _shorten(value: str) -> str:
    return value if len(value) <= VALUE_SHOWN else value[: VALUE_SHOWN - 1] + "…"
