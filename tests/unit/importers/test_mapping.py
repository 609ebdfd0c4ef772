"""The flags of the table importer."""

import pytest

from feedrank.errors import InvalidInput
from feedrank.importers.mapping import EVENT_FIELDS, ITEM_FIELDS, parse_flags
from feedrank.types import Action
from feedrank.v1 import feedrank_pb2 as pb


def test_fields_are_the_contracts() -> None:
    assert set(EVENT_FIELDS) == set(pb.Event.DESCRIPTOR.fields_by_name)
    assert set(ITEM_FIELDS) == set(pb.Item.DESCRIPTOR.fields_by_name) - {"vectors"}


def test_flags_speak_of_events_and_of_items() -> None:
    flags = parse_flags(["time=ts=x", "item.title=headline"], ["action=CLICK", "item.language=da"], ["pv=view"])
    assert flags.events.column("time") == "ts=x" and flags.events.column("user_id") == "user_id"
    assert flags.events.constants == {"action": "CLICK"}
    assert flags.items.columns == {"title": "headline"} and flags.items.constants == {"language": "da"}
    assert flags.actions == {"pv": Action.VIEW}
    assert flags.events.wants(("time", "action", "item_id")) == {"ts=x", "item_id"}


@pytest.mark.parametrize(
    ("maps", "sets", "actions", "message"),
    [
        (["user_id"], [], [], "--map user_id: give it as FIELD=COLUMN"),
        (["=x"], [], [], "--map =x: give it as"),
        ([], ["action="], [], "--set action=: give it as FIELD=VALUE"),
        (["usr=x"], [], [], "--map usr: no such field; an event's fields are event_id, user_id"),
        (["item.headline=x"], [], [], "--map item.headline: no such field; an item's fields are item_id, title"),
        ([], ["colour=red"], [], "--set colour: no such field"),
        (["time=a", "time=b"], [], [], "--map time=… is given twice"),
        (["time=a"], ["time=1"], [], "contradict each other"),
        ([], [], ["pv=PAGEVIEW"], "--map-action pv=PAGEVIEW: no such action; use one of VIEW, CLICK"),
    ],
)
def test_a_wrong_flag_is_named(maps: list[str], sets: list[str], actions: list[str], message: str) -> None:
    with pytest.raises(InvalidInput) as e:
        parse_flags(maps, sets, actions)
    assert message in str(e.value)
