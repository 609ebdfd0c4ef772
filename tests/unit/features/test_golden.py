"""A feature in use never changes its meaning: golden.json holds each one's fingerprint and its values on a fixed log.

A changed definition gets a new name. After adding a feature: `python -m tests.unit.features.test_golden`.
"""

import json
from pathlib import Path
from typing import TypedDict

import numpy as np
import pytest

from feedrank.features import FEATURES, NAMES, Feature, Raw, compute, concat, gather
from feedrank.features import definitions as families
from feedrank.history import NO_HISTORY, apply, profile
from feedrank.state import State
from feedrank.state import apply as fold
from feedrank.types import HOUR, SECOND, Context
from tests.strategies import records_of, world

PATH = Path(__file__).with_name("golden.json")
SPACE = "text"


class Golden(TypedDict):
    fingerprint: str
    values: list[float | None]  # of two requests of six candidates; null: unknown


def request() -> Raw:
    """A reader of much and one of little, over the same six items."""
    log = world(items=60, users=4, events=500, dimensions=16)
    state = State()
    fold(state, log.facts)
    now = max(fact.received_at for fact in log.facts) // SECOND * SECOND
    rows = np.array([0, 1, 4, 9, 12, 33], np.int32)
    context = Context(language="en", region="north", device="tablet", session_id="s2")
    raws = [
        gather(state, rows, profile(apply(NO_HISTORY, records_of(log, user)), SPACE), context, now + k * HOUR, SPACE)
        for k, user in enumerate(("u0", "u3"))
    ]
    return concat(raws)


def golden() -> dict[str, Golden]:
    rows = compute(request())
    return {
        feature.name: {
            "fingerprint": feature.fingerprint(SPACE),
            "values": [None if np.isnan(v) else float(f"{v:.6g}") for v in rows[:, j].tolist()],
        }
        for j, feature in enumerate(FEATURES)
    }


@pytest.fixture(scope="module")
def kept() -> dict[str, Golden]:
    loaded: dict[str, Golden] = json.loads(PATH.read_text())
    return loaded


def test_every_feature_is_on_record_with_its_fingerprint(kept: dict[str, Golden]) -> None:
    now = {feature.name: feature.fingerprint(SPACE) for feature in FEATURES}
    then = {name: entry["fingerprint"] for name, entry in kept.items()}
    assert now == then, "a changed definition gets a new name; a new one is recorded as this file's docstring says"


def test_every_feature_still_has_the_values_on_record(kept: dict[str, Golden]) -> None:
    rows = compute(request())
    for j, name in enumerate(NAMES):
        values = [np.nan if v is None else v for v in kept[name]["values"]]
        np.testing.assert_allclose(rows[:, j], values, rtol=1e-4, atol=1e-5, err_msg=name)


def test_names_are_unique_and_every_feature_says_what_it_is() -> None:
    assert len(set(NAMES)) == len(FEATURES)
    for feature in FEATURES:
        assert feature.name.isidentifier()
        assert len(feature.doc) > 5
        assert feature in getattr(families, feature.family).FEATURES
        assert feature.in_slate == (feature.family == "in_slate")


def test_a_fingerprint_tells_definitions_apart() -> None:
    prints = [feature.fingerprint(space) for feature in FEATURES for space in ("a", "b")]
    both = sum(not feature.reads_vectors for feature in FEATURES)
    assert len(set(prints)) == 2 * len(FEATURES) - both  # without vectors the space does not count
    base = Feature("x", "context", "a doc", lambda f: f.now, ("half-life 1 h", "prior 2"))
    same = Feature("x", "context", "another doc", lambda f: f.now, ("prior 2", "half-life 1 h"))
    assert base.fingerprint("") == same.fingerprint("")
    for other in (
        Feature("x", "context", "a doc", lambda f: f.now, ("half-life 2 h", "prior 2")),
        Feature("x", "context", "a doc", lambda f: f.now, ("half-life 1 h", "prior 2"), version=2),
        Feature("x", "context", "a doc", lambda f: f.now, ("half-life 1 h", "prior 2"), default=0.0),
        Feature("y", "context", "a doc", lambda f: f.now, ("half-life 1 h", "prior 2")),
    ):
        assert base.fingerprint("") != other.fingerprint("")


if __name__ == "__main__":
    PATH.write_text(
        "{\n" + ",\n".join(f"{json.dumps(n)}: {json.dumps(entry)}" for n, entry in golden().items()) + "\n}\n"
    )
