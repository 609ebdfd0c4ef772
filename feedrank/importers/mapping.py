"""The flags that say how a table's columns become fields: --map, --set, --map-action, --time-unit.

Knows nothing of files; what a mapped column must hold is said where it is read.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from feedrank.errors import InvalidInput
from feedrank.importers.event_table import EVENT_COLUMNS
from feedrank.importers.fields import TimeUnit, action_of
from feedrank.types import Action

EVENT_FIELDS = tuple(EVENT_COLUMNS)
ITEM_FIELDS = (
    "item_id", "title", "body", "category", "subcategory", "language", "source", "author", "tags", "regions",
    "published_at", "expires_at", "updated_at", "attributes",
)  # fmt: skip
ITEM_PREFIX = "item."  # --map item.title=headline speaks of the items file


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Where each field of one file comes from: a column, a constant, or else the column named as the field."""

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> str:
        """The column that feeds a field without a constant."""
        return self.columns.get(name, name)

    def wants(self, fields: Collection[str]) -> frozenset[str]:
        """The columns that feed `fields`."""
        return frozenset(self.column(name) for name in fields if name not in self.constants)


@dataclass(frozen=True, slots=True)
class TableFlags:
    """The parsed flags."""

    events: ColumnMap = ColumnMap()
    items: ColumnMap = ColumnMap()
    actions: Mapping[str, Action] = field(default_factory=dict)
    time_unit: TimeUnit | None = None


def parse_flags(
    maps: Sequence[str] = (), sets: Sequence[str] = (), actions: Sequence[str] = (), time_unit: TimeUnit | None = None
) -> TableFlags:
    """The flags' meaning. Raises InvalidInput naming the flag that is malformed, repeated or names no field."""
    columns = _pairs("--map", "FIELD=COLUMN", maps)
    constants = _pairs("--set", "FIELD=VALUE", sets)
    for name in columns.keys() & constants.keys():
        raise InvalidInput(f"--map {name}=… and --set {name}=… contradict each other; give one")
    for flag, names in (("--map", columns), ("--set", constants)):
        for name in names:
            _require_field(flag, name)
    return TableFlags(
        events=ColumnMap(_of_events(columns), _of_events(constants)),
        items=ColumnMap(_of_items(columns), _of_items(constants)),
        actions={
            value: _action(value, name) for value, name in _pairs("--map-action", "VALUE=ACTION", actions).items()
        },
        time_unit=time_unit,
    )


def _pairs(flag: str, form: str, texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        left, equals, right = text.partition("=")
        if not (left and equals and right):
            raise InvalidInput(f"{flag} {text}: give it as {form}")
        if left in found:
            raise InvalidInput(f"{flag} {left}=… is given twice")
        found[left] = right
    return found


def _require_field(flag: str, name: str) -> None:
    known = ITEM_FIELDS if name.startswith(ITEM_PREFIX) else EVENT_FIELDS
    if name.removeprefix(ITEM_PREFIX) not in known:
        kind = "an item's" if name.startswith(ITEM_PREFIX) else "an event's"
        raise InvalidInput(f"{flag} {name}: no such field; {kind} fields are {', '.join(known)}")


def _of_events(pairs: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in pairs.items() if not name.startswith(ITEM_PREFIX)}


def _of_items(pairs: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix(ITEM_PREFIX): v for name, v in pairs.items() if name.startswith(ITEM_PREFIX)}


def _action(value: str, name: str) -> Action:
    found = action_of(name)
    if found is None:
        raise InvalidInput(
            f"--map-action {value}={name}: no such action; use one of {', '.join(a.name for a in Action)}"
        )
    return found
