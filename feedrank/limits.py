"""What a caller may send: pure checks of items, users, events and vectors. Each gives a reason to refuse, or None.

The store, the server and the importers share these checks, so that one input meets one answer however it arrives. A
reason names the field, the value and the bound. Knows nothing of what is already stored, nor of clocks: instants are
arguments.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import numpy as np

from feedrank.types import F32, ITEM_ACTIONS, SECOND, Action, Event, Item, Micros, User

EARLIEST: Micros = 946_684_800 * SECOND  # 2000-01-01: earlier event times are clock faults or unset fields
LATEST: Micros = 4_102_444_800 * SECOND  # 2100-01-01: later ones are milliseconds taken for seconds
LATEST_ITEM: Micros = 253_402_300_799 * SECOND  # year 9999, the last a protobuf Timestamp can hold

MAX_ID_BYTES = 256  # of any id, name, category, region, target
MAX_QUERY_BYTES = 1_024
MAX_TITLE_BYTES = 8_192
MAX_BODY_BYTES = 1_048_576
MAX_VALUE_BYTES = 4_096  # of one attribute's value
MAX_ATTRIBUTES = 100
MAX_TAGS = 200
MAX_REGIONS = 500
MAX_SLATE_ITEMS = 500  # item_ids of one VIEW
MAX_POSITION = 100_000
MAX_SPACES = 16  # of the caller's own vectors on one item
MAX_DIMENSIONS = 4_096
MAX_FLOAT32 = 3.4028234663852886e38

TARGET_KINDS = ("author:", "category:", "source:")
_ACTIONS = frozenset(int(action) for action in Action)
_FOLLOWS = frozenset((Action.FOLLOW, Action.UNFOLLOW))
_SHOWN_CHARACTERS = 40  # of a value quoted in a reason


def event_fault(event: Event, received_at: Micros | None, max_future_s: int) -> str | None:
    """Why this event can never be stored, or None. `received_at` None marks an import, which meets no clock."""
    fault = _ids_fault(event)
    if fault is None:
        fault = _time_fault(event.time, received_at, max_future_s)
    if fault is not None:
        return fault
    if event.action not in _ACTIONS:
        return f"action {int(event.action)} is unknown; send 1 to {max(_ACTIONS)}"
    if event.value is not None and not -MAX_FLOAT32 <= event.value <= MAX_FLOAT32:  # also refuses NaN
        return f"value {event.value} is not a finite 32-bit number"
    if event.position is not None and not 1 <= event.position <= MAX_POSITION:
        return f"position {event.position} lies outside 1..{MAX_POSITION}"
    return _action_fault(event)


def _ids_fault(event: Event) -> str | None:
    e = event
    # Nearly every event passes here: if all ids together are short and plain, each one is.
    ids = f"{e.event_id}{e.user_id}{e.item_id}{e.request_id}{e.session_id}{e.surface}{e.target}"
    if e.event_id and e.user_id and len(ids) <= MAX_ID_BYTES and ids.isascii() and "\0" not in ids:
        return None
    for name, value, required in (
        ("event_id", e.event_id, True),
        ("user_id", e.user_id, True),
        ("item_id", e.item_id, False),
        ("request_id", e.request_id, False),
        ("session_id", e.session_id, False),
        ("surface", e.surface, False),
        ("target", e.target, False),
    ):
        fault = text_fault(name, value, MAX_ID_BYTES, required)
        if fault is not None:
            return fault
    return None


def _time_fault(time: Micros, received_at: Micros | None, max_future_s: int) -> str | None:
    if not time:
        return "time is missing"
    if time < EARLIEST:
        return f"time {instant(time)} lies before 2000-01-01"
    if time >= LATEST:
        return f"time {instant(time)} lies after 2099-12-31; is the unit right?"
    if received_at is not None and time > received_at + max_future_s * SECOND:
        return (
            f"time {instant(time)} is more than {max_future_s} s ahead of the server's clock ({instant(received_at)})"
        )
    return None


def _action_fault(event: Event) -> str | None:
    """Faults of what this action needs. The action is known."""
    action = Action(event.action)
    if event.item_ids:
        fault = _item_ids_fault(event, action)
        if fault is not None:
            return fault
    if action in ITEM_ACTIONS:
        if not event.item_id and not event.item_ids:
            return f"item_id is missing; {action.name} is about an item"
        if action is Action.DWELL and (event.value is None or event.value < 0):
            return f"value {event.value} of a DWELL must be its seconds, 0 or more"
    elif action in _FOLLOWS:
        kind, colon, name = event.target.partition(":")
        if f"{kind}{colon}" not in TARGET_KINDS or not name.strip():
            return f'target {shown(event.target)} must be "author:x", "category:y" or "source:z"'
    elif not event.query.strip():
        return "query is empty; SEARCH needs one"
    return text_fault("query", event.query, MAX_QUERY_BYTES, quoted=False) if event.query else None


def _item_ids_fault(event: Event, action: Action) -> str | None:
    if action is not Action.VIEW:
        return f"item_ids belong to a VIEW; {action.name} takes item_id"
    if event.item_id:
        return "item_id and item_ids are both given; send one"
    if len(event.item_ids) > MAX_SLATE_ITEMS:
        return f"item_ids holds {len(event.item_ids)} ids; at most {MAX_SLATE_ITEMS}"
    # As above: short and plain if all together are, none of them empty.
    ids = event.item_ids
    together = "".join(ids)
    if all(ids) and together.isascii() and "\0" not in together and max(map(len, ids)) <= MAX_ID_BYTES:
        return None
    for i, item_id in enumerate(ids):
        fault = text_fault(f"item_ids[{i}]", item_id, MAX_ID_BYTES, required=True)
        if fault is not None:
            return fault
    return None


def item_fault(item: Item, received_at: Micros | None, max_future_s: int) -> str | None:
    """Why this item can never be stored, or None. `received_at` None marks an import."""
    for name, value, most in (
        ("item_id", item.item_id, MAX_ID_BYTES),
        ("title", item.title, MAX_TITLE_BYTES),
        ("body", item.body, MAX_BODY_BYTES),
        ("category", item.category, MAX_ID_BYTES),
        ("subcategory", item.subcategory, MAX_ID_BYTES),
        ("language", item.language, MAX_ID_BYTES),
        ("source", item.source, MAX_ID_BYTES),
        ("author", item.author, MAX_ID_BYTES),
    ):
        fault = text_fault(name, value, most, required=name == "item_id")
        if fault is not None:
            return fault
    for name, values, many in (("tags", item.tags, MAX_TAGS), ("regions", item.regions, MAX_REGIONS)):
        fault = _texts_fault(name, values, many)
        if fault is not None:
            return fault
    for name, time in (
        ("published_at", item.published_at),
        ("expires_at", item.expires_at),
        ("updated_at", item.updated_at),
    ):
        if not 0 <= time <= LATEST_ITEM:
            return f"{name} {instant(time)} lies outside 1970..9999"
    if received_at is not None and item.updated_at > received_at + max_future_s * SECOND:
        return f"updated_at {instant(item.updated_at)} is more than {max_future_s} s ahead of the server's clock"
    fault = _attributes_fault(item.attributes)
    return fault if fault is not None else _vectors_fault(item.vectors)


def user_fault(user: User) -> str | None:
    """Why this user can never be stored, or None."""
    fault = text_fault("user_id", user.user_id, MAX_ID_BYTES, required=True)
    for name, value in (("language", user.language), ("country", user.country), ("region", user.region)):
        fault = fault if fault is not None else text_fault(name, value, MAX_ID_BYTES)
    return fault if fault is not None else _attributes_fault(user.attributes)


def vector_fault(values: F32) -> str | None:
    """Why these numbers cannot be brought to unit length, or None. Shape must be (d,), 1 <= d <= 4096."""
    if values.ndim != 1 or not 1 <= len(values) <= MAX_DIMENSIONS:
        return f"has shape {values.shape}; a vector has 1 to {MAX_DIMENSIONS} numbers"
    finite = np.isfinite(values)
    if not finite.all():
        at = int(np.argmin(finite))
        return f"holds {values[at]} at index {at}; every number must be finite"
    if not values.any():
        return "is all zeros; it has no direction"
    return None


def text_fault(name: str, value: str, most_bytes: int, required: bool = False, quoted: bool = True) -> str | None:
    """Why this text cannot be stored, or None: empty though required, too long, a NUL, or not Unicode."""
    if not value:
        return f"{name} is empty" if required else None
    if value.isascii():
        size = len(value)
    else:
        try:
            size = len(value.encode())
        except UnicodeEncodeError as error:
            return f"{name} is not Unicode text: a lone surrogate at character {error.start}"
    if size > most_bytes:
        begins = f", it begins {shown(value)}" if quoted else ""
        return f"{name} is {size} bytes long; at most {most_bytes}{begins}"
    return f"{name} holds a NUL character at {value.index(chr(0))}" if "\0" in value else None


def _texts_fault(name: str, values: Iterable[str], many: int) -> str | None:
    for i, value in enumerate(values):
        if i >= many:
            return f"{name} holds more than {many} values"
        fault = text_fault(f"{name}[{i}]", value, MAX_ID_BYTES, required=True)
        if fault is not None:
            return fault
    return None


def _attributes_fault(attributes: Mapping[str, str]) -> str | None:
    if len(attributes) > MAX_ATTRIBUTES:
        return f"attributes holds {len(attributes)} entries; at most {MAX_ATTRIBUTES}"
    for key, value in attributes.items():
        fault = text_fault("a key of attributes", key, MAX_ID_BYTES, required=True)
        if fault is None:
            fault = text_fault(f"attributes[{shown(key)}]", value, MAX_VALUE_BYTES)
        if fault is not None:
            return fault
    return None


def _vectors_fault(vectors: Mapping[str, F32]) -> str | None:
    if len(vectors) > MAX_SPACES:
        return f"vectors holds {len(vectors)} spaces; at most {MAX_SPACES}"
    for space, values in vectors.items():
        fault = text_fault("a space of vectors", space, MAX_ID_BYTES, required=True)
        if fault is not None:
            return fault
        fault = vector_fault(values)
        if fault is not None:
            return f"vectors[{shown(space)}] {fault}"
    return None


def shown(value: str) -> str:
    """A value as a reason quotes it: cut to a length that cannot flood a log."""
    cut = value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + "…"
    return '"' + cut.encode("utf-8", "backslashreplace").decode().replace("\n", "\\n") + '"'


def instant(time: Micros) -> str:
    """UTC microseconds as people read them; the bare number where no calendar reaches."""
    try:
        return datetime.fromtimestamp(time // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{time} us"
