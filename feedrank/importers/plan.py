"""What an importer hands over to be written, and the summary of what became of it.

Knows nothing of file formats, data sets or terminals.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from feedrank.importers.rejections import RejectedGroup, Rejections
from feedrank.types import Item, User


@dataclass(frozen=True, slots=True)
class FileCount:
    """Rows of one input file, refused ones included."""

    path: Path
    rows: int


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item and where it came from: an index into the plan's files, and the line."""

    item: Item
    file: int
    line: int


@dataclass(frozen=True, slots=True)
class UserRow:
    """What the data last says of a user, and where: an index into the plan's files, and the line."""

    user: User
    file: int
    line: int


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """Everything read, checked for form, not yet written.

    `events` has the columns of `event_table.EVENT_COLUMNS` (those it needs), FILE and LINE, in any order of rows.
    """

    files: tuple[FileCount, ...]
    rejections: Rejections  # of rows; the writer adds what the store refuses
    items: tuple[ItemRow, ...]
    events: pl.DataFrame
    users: tuple[UserRow, ...] = ()
    collapsed: int = 0  # events that stood in the input more than once and were merged before writing
    notes: dict[str, int] = field(default_factory=dict)  # counts that only this data set has

    @property
    def records(self) -> int:
        """How many records there are to write."""
        return len(self.items) + len(self.users) + self.events.height


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one kind of record. `read` is the sum of the others."""

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """The result of an import, for people and for machines."""

    files: tuple[FileCount, ...]
    rows: int
    rows_rejected: int
    items: Written
    events: Written
    users: Written
    rejected: tuple[RejectedGroup, ...]
    unlisted_items: int  # named by events, without an item record
    serve_unlisted_items: bool  # as the data directory now says
    notes: dict[str, int]
    seconds: float

    @property
    def nothing_landed(self) -> bool:
        """True if the log holds nothing of this input, not even from an earlier import."""
        kinds = (self.items, self.events, self.users)
        return not any(kind.accepted or kind.duplicates for kind in kinds)

    def as_json(self) -> dict[str, Any]:
        """Plain values, ready for json.dumps."""
        found = asdict(self)
        found["files"] = [{"path": str(f.path), "rows": f.rows} for f in self.files]
        found["rejected"] = [
            {"field": g.field, "reason": g.reason, "count": g.count, "examples": [asdict(e) for e in g.examples]}
            for g in self.rejected
        ]
        return found
